//! Lists of numbers, and tables that mix them: the numbers of the book's chapter on vectors.
//!
//! Plain loops, so that every multiplication can be seen. What is left out: speed. The stages
//! multiply matrices with `stage02_attention::matmul`.

/// A list of numbers; in a table, one of its rows.
type Row = Vec<f64>;

// ANCHOR: add
/// Adds two lists, place by place.
fn add(x: &[f64], y: &[f64]) -> Row {
    assert_eq!(x.len(), y.len(), "lists of one length");
    (0..x.len()).map(|i| x[i] + y[i]).collect()
}

/// Multiplies every number of a list by the same factor.
fn scale(factor: f64, x: &[f64]) -> Row {
    x.iter().map(|number| factor * number).collect()
}
// ANCHOR_END: add

// ANCHOR: dot
/// How well two lists fit: multiply place by place, then add it all up.
fn dot(x: &[f64], w: &[f64]) -> f64 {
    assert_eq!(x.len(), w.len(), "lists of one length");
    let mut sum = 0.0;
    for i in 0..x.len() {
        sum += x[i] * w[i];
    }
    sum
}
// ANCHOR_END: dot

// ANCHOR: row_times_matrix
/// Column j of a table, as a list.
fn column(w: &[Row], j: usize) -> Row {
    w.iter().map(|row| row[j]).collect()
}

/// x W: the dot product of x with each column of W.
///
/// x: (n); W: (n, m); the result: (m).
fn row_times_matrix(x: &[f64], w: &[Row]) -> Row {
    assert_eq!(x.len(), w.len(), "as many numbers in x as W has rows");
    let m = w[0].len();
    (0..m).map(|j| dot(x, &column(w, j))).collect()
}
// ANCHOR_END: row_times_matrix

// ANCHOR: matrix_times_matrix
/// X W: every row of X goes through W by itself.
///
/// X: (rows, n); W: (n, m); the result: (rows, m).
fn matrix_times_matrix(x: &[Row], w: &[Row]) -> Vec<Row> {
    x.iter().map(|row| row_times_matrix(row, w)).collect()
}
// ANCHOR_END: matrix_times_matrix

// ANCHOR: transpose
/// The table turned on its side: columns become rows.
///
/// W: (n, m); the result: (m, n).
fn transpose(w: &[Row]) -> Vec<Row> {
    (0..w[0].len()).map(|j| column(w, j)).collect()
}
// ANCHOR_END: transpose

// ANCHOR: words
/// The words of the chapter. First number: how much of a noun. Second: one (below zero) or
/// many (above zero).
const DOG: [f64; 2] = [1.0, -2.0];
const DOGS: [f64; 2] = [1.0, 2.0];
const PLURAL: [f64; 2] = [0.0, 4.0];

/// A list of weights for each word that may come next.
const BARK: [f64; 2] = [1.0, 3.0];
const BARKS: [f64; 2] = [2.0, -1.0];
const THE: [f64; 2] = [-2.0, 0.0];
// ANCHOR_END: words

/// The three lists of weights, standing side by side: (2, 3).
fn weights() -> Vec<Row> {
    transpose(&[BARK.to_vec(), BARKS.to_vec(), THE.to_vec()])
}

/// A square table, for the mistake that no shape betrays.
fn square() -> Vec<Row> {
    vec![vec![2.0, 1.0], vec![0.0, 1.0]]
}

/// A list as it is written on paper, each number four places wide.
fn shown(list: &[f64]) -> String {
    list.iter().map(|number| format!("{number:>4}")).collect()
}

/// A table with a name in front of its first row.
fn print_table(name: &str, table: &[Row]) {
    for (i, row) in table.iter().enumerate() {
        println!("  {:<24}{}", if i == 0 { name } else { "" }, shown(row));
    }
}

/// Runs the experiment.
pub fn run() {
    println!("ADD AND SCALE");
    println!("  dog                     {}", shown(&DOG));
    println!("  plural                  {}", shown(&PLURAL));
    println!("  dog + plural            {}", shown(&add(&DOG, &PLURAL)));
    println!("  dog + half of plural    {}", shown(&add(&DOG, &scale(0.5, &PLURAL))));

    println!("\nHOW WELL DO TWO LISTS FIT?");
    println!("                          bark  barks    the");
    for (name, x) in [("dogs", DOGS), ("dog", DOG)] {
        let [bark, barks, the] = [BARK, BARKS, THE].map(|w| dot(&x, &w));
        println!("  {name:<22}{bark:>6} {barks:>6} {the:>6}");
    }

    println!("\nTHE SAME WITH A TABLE");
    print_table("W", &weights());
    println!("  dogs W                  {}", shown(&row_times_matrix(&DOGS, &weights())));
    let both = [DOGS.to_vec(), DOG.to_vec()];
    print_table("X (dogs, dog)", &both);
    print_table("X W", &matrix_times_matrix(&both, &weights()));
    print_table("W turned on its side", &transpose(&weights()));

    println!("\nWHAT GOES WRONG: A SQUARE TABLE, THE WRONG WAY ROUND");
    print_table("S", &square());
    println!("  dogs S                  {}", shown(&row_times_matrix(&DOGS, &square())));
    let turned = transpose(&square());
    println!("  dogs times S turned     {}", shown(&row_times_matrix(&DOGS, &turned)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_a_direction_makes_one_dog_many() {
        assert_eq!(add(&DOG, &PLURAL), DOGS);
        assert_eq!(add(&DOG, &scale(0.5, &PLURAL)), [1.0, 0.0]);
    }

    #[test]
    fn the_dot_products_on_paper() {
        assert_eq!([BARK, BARKS, THE].map(|w| dot(&DOGS, &w)), [7.0, 0.0, -2.0]);
        assert_eq!([BARK, BARKS, THE].map(|w| dot(&DOG, &w)), [-5.0, 4.0, -2.0]);
    }

    #[test]
    fn a_table_does_many_dot_products_at_once() {
        assert_eq!(row_times_matrix(&DOGS, &weights()), [7.0, 0.0, -2.0]);
        let both = [DOGS.to_vec(), DOG.to_vec()];
        let scores = [vec![7.0, 0.0, -2.0], vec![-5.0, 4.0, -2.0]];
        assert_eq!(matrix_times_matrix(&both, &weights()), scores);
    }

    #[test]
    fn turned_twice_is_not_turned() {
        assert_eq!(transpose(&weights()), [BARK, BARKS, THE]);
        assert_eq!(transpose(&transpose(&weights())), weights());
    }

    #[test]
    fn a_square_table_hides_the_mistake() {
        assert_eq!(row_times_matrix(&DOGS, &square()), [2.0, 3.0]);
        assert_eq!(row_times_matrix(&DOGS, &transpose(&square())), [4.0, 2.0]);
    }
}
