//! Small models compared: two learning rates on the same held-out answers, test items that stand in the
//! training data, sums where the endings have several lengths, a space too many, and the best of many
//! runs.

use rayon::prelude::*;
use stage01_bigram::Result;
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::evaluate::multiple_choice::{Ending, LENGTHS, Length, Question, Tally};
use stage03_gpt::evaluate::scorer::Scorer;
use stage03_gpt::evaluate::suite;
use stage03_gpt::gpt::Gpt;
use stage04_training::finetune::{Example, Origin, course};

use super::base::{BLOCK, Base, Course, mean_loss, teach};
use super::choices::{Choices, choose};
use super::evaluation::sign_test;

const EPOCHS: u64 = 3;

/// The rate of most runs, and another one to compare.
const RATE: f64 = 2e-3;
const OTHER_RATE: f64 = 3e-3;

/// How long models learn with the test items among their examples, and how often each item is there.
const LONG: u64 = 6;
const COPIES: usize = 4;

/// Runs of which the best is chosen, and of how many conversations each learns.
const RUNS: usize = 24;
const FEW: usize = 100;

type Model = (Gpt, Params<f32>);

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    let base = Base::train(1337, 2)?;
    let (train, held_out) = (base.course(course::INSTRUCTIONS)?, base.course(course::HELD_OUT)?);
    let questions = suite::questions(&base.tokenizer)?;
    let rates = [RATE, OTHER_RATE].into_par_iter().with_max_len(1);
    let models = rates.map(|rate| single_threaded(|| taught(&base, &train.examples, EPOCHS, rate)));
    let models = models.collect::<Result<Vec<_>>>()?;
    same_answers(&models, &held_out)?;
    same_questions(&models, &questions)?;
    test_items_learned(&base, (&train, &held_out), &questions)?;
    lengths(&base, &models[0], &held_out)?;
    a_space(&base, &models[0], &held_out)?;
    best_of_many(&base, &train, &questions)
}

fn taught(base: &Base, examples: &[Example], epochs: u64, rate: f64) -> Result<Model> {
    let model = (base.gpt.clone(), base.weights.clone());
    Ok(teach(model, &base.batches(examples)?, epochs, rate, |_, _| Ok(()))?.into_parts())
}

/// The loss of each example, in nats per token that is learned.
fn losses((gpt, weights): &Model, examples: &[Example]) -> Result<Vec<f64>> {
    let mut scorer = Scorer::new(gpt, weights, BLOCK)?;
    let loss = |example: &Example| {
        let from = example.answers[0].start;
        let log_p = scorer.log_probabilities(&example.tokens, from)?;
        let learned = example.answers.iter().flat_map(|answer| answer.clone());
        Ok(-learned.map(|at| log_p[at - from]).sum::<f64>() / example.learned() as f64)
    };
    examples.iter().map(loss).collect()
}

// ANCHOR: mean
/// The mean of some numbers, and its standard error.
fn mean(numbers: &[f64]) -> (f64, f64) {
    let n = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / n;
    let squares: f64 = numbers.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}
// ANCHOR_END: mean

fn same_answers(models: &[Model], held_out: &Course) -> Result<()> {
    let [a, b] = [losses(&models[0], &held_out.examples)?, losses(&models[1], &held_out.examples)?];
    println!("THE SAME ANSWERS: the mean loss of {} held-out answers, nats per token", a.len());
    for (rate, losses) in [(RATE, &a), (OTHER_RATE, &b)] {
        let (mean, error) = mean(losses);
        println!("  {:<34}{mean:>8.3} ± {error:.3}", format!("learning rate {rate:.0e}"));
    }
    let ((mean_a, error_a), (mean_b, error_b)) = (mean(&a), mean(&b));
    let line = |name: &str, difference: f64, error: f64| {
        let errors = (difference / error).abs();
        println!("  {name:<34}{difference:>8.3} ± {error:.3}   {errors:.1} standard errors");
    };
    line("as if the answers were others", mean_b - mean_a, error_a.hypot(error_b));
    let differences: Vec<f64> = b.iter().zip(&a).map(|(b, a)| b - a).collect();
    let (difference, error) = mean(&differences);
    line("the mean of the differences", difference, error);
    let lower = differences.iter().filter(|&&d| d < 0.0).count();
    let p = sign_test(lower, a.len() - lower);
    println!(
        "  lower at {OTHER_RATE:.0e} for {lower} of {}: sign test {}",
        a.len(),
        probability(p)
    );
    Ok(())
}

/// A probability that may be very small.
fn probability(p: f64) -> String {
    if p < 0.001 { "below 0.001".into() } else { format!("{p:.2}") }
}

/// Whether each question is answered right, by the mean per token.
fn right(choices: &Choices, questions: &[Question]) -> Vec<bool> {
    let each = questions.iter().zip(&choices.scores);
    each.map(|(question, scores)| question.choice(scores, Length::Tokens) == question.label)
        .collect()
}

fn same_questions(models: &[Model], questions: &[Question]) -> Result<()> {
    println!("\nTHE SAME QUESTIONS: the suite, by the mean per token");
    let mut answers = vec![];
    for (rate, (gpt, weights)) in [RATE, OTHER_RATE].into_iter().zip(models) {
        let choices = choose(gpt, weights, questions)?;
        let (accuracy, error) = choices.tally.accuracy(3);
        let name = format!("learning rate {rate:.0e}");
        println!("  {name:<34}{accuracy:>8.2} ± {:.2}", error.unwrap_or(f64::NAN));
        answers.push(right(&choices, questions));
    }
    let count = |a: bool, b: bool| {
        answers[0].iter().zip(&answers[1]).filter(|&(&x, &y)| (x, y) == (a, b)).count()
    };
    let (first, second) = (count(true, false), count(false, true));
    println!(
        "  both are right {}, only the first {first}, only the second {second}, neither {}: sign test {}",
        count(true, true),
        count(false, false),
        probability(sign_test(first, second))
    );
    Ok(())
}

/// The right endings behind their contexts, as texts to learn.
fn items(questions: &[Question]) -> Vec<Example> {
    let item = |question: &Question| {
        let tokens = [&question.context[..], &question.endings[question.label].tokens].concat();
        let answers = std::iter::once(1..tokens.len()).collect();
        Example { tokens, answers, prompt: 0, question: String::new(), origin: Origin::Text }
    };
    questions.iter().map(item).collect()
}

fn test_items_learned(
    base: &Base,
    (train, held_out): (&Course, &Course),
    questions: &[Question],
) -> Result<()> {
    let mut with_items = train.examples.clone();
    (0..COPIES).for_each(|_| with_items.extend(items(questions)));
    let validation = base.batches(&held_out.examples)?;
    let follow = |examples: &[Example]| {
        let mut lines = vec![];
        let model = (base.gpt.clone(), base.weights.clone());
        teach(model, &base.batches(examples)?, LONG, RATE, |epoch, trainer| {
            if epoch.is_multiple_of(2) {
                let loss = mean_loss(trainer, &validation);
                let weights = trainer.weights.clone();
                lines.push((epoch, choose(trainer.gpt(), &weights, questions)?, loss));
            }
            Ok(())
        })?;
        Ok(lines)
    };
    let runs: [&[Example]; 2] = [&train.examples, &with_items];
    let runs = runs.par_iter().with_max_len(1).map(|run| single_threaded(|| follow(run)));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    println!("\nTEST ITEMS LEARNED: the suite's right endings, {COPIES} times among the examples");
    println!(
        "  {:<8}{:>26}{:>26}{:>26}",
        "", "suite, acc_tokens", "right endings, nats", "held-out answers, nats"
    );
    let pair = format!("{:>13}{:>13}", "without", "with");
    println!("  {:<8}{pair}{pair}{pair}", "epoch");
    for ((epoch, clean, loss), (_, spoilt, other)) in runs[0].iter().zip(&runs[1]) {
        let accuracies = [clean, spoilt].map(|c| format!("{:>13.2}", c.tally.accuracy(3).0));
        let nats = [clean, spoilt].map(|c| format!("{:>13.3}", c.nats()));
        println!("  {epoch:<8}{}{}{loss:>13.3}{other:>13.3}", accuracies.concat(), nats.concat());
    }
    Ok(())
}

/// For each question of the held-out conversations: its answer, and those of the next three.
fn whose_answer(base: &Base, held_out: &Course) -> Result<Vec<Question>> {
    let n = held_out.examples.len();
    let question = |i: usize| {
        let example = &held_out.examples[i];
        let context = example.tokens[..example.answers[0].start].to_vec();
        let ending = |k: usize| {
            let example = &held_out.examples[(i + k) % n];
            let tokens = example.tokens[example.answers[0].clone()].to_vec();
            let text = base.tokenizer.decode(&tokens)?;
            let (characters, bytes) = (text.chars().count(), text.len());
            Ok(Ending { tokens, characters, bytes })
        };
        let endings = (0..4).map(ending).collect::<Result<Vec<_>>>()?;
        Ok(Question { context, endings, label: 0 })
    };
    (0..n).map(question).collect()
}

fn lengths(base: &Base, (gpt, weights): &Model, held_out: &Course) -> Result<()> {
    let questions = whose_answer(base, held_out)?;
    let choices = choose(gpt, weights, &questions)?;
    println!(
        "\nLENGTHS: {} held-out questions, the answer of each among three others",
        questions.len()
    );
    println!("  {:<14}{:>10}{:>28}", "", "right", "chooses the shortest");
    let shortest =
        |question: &Question| (0..4).min_by_key(|&i| question.endings[i].tokens.len()).unwrap_or(0);
    for (i, (name, by)) in LENGTHS.iter().enumerate().filter(|(i, _)| *i != 2) {
        let each = questions.iter().zip(&choices.scores);
        let short = each.filter(|(q, scores)| q.choice(scores, *by) == shortest(q)).count();
        let (accuracy, _) = choices.tally.accuracy(i);
        println!("  {name:<14}{accuracy:>10.2}{:>28.2}", short as f64 / questions.len() as f64);
    }
    println!("  right if the shortest is always taken {:.2}", {
        questions.iter().filter(|q| shortest(q) == q.label).count() as f64 / questions.len() as f64
    });
    Ok(())
}

/// The suite as it is, and with the space at the end of the context in the place of the beginning of
/// the ending.
fn a_space(base: &Base, (gpt, weights): &Model, held_out: &Course) -> Result<()> {
    println!("\nA SPACE at the end of the prompt, nats per token of the right endings and answers");
    println!("  {:<30}{:>10}{:>12}{:>14}", "", "suite", "acc_tokens", "held out");
    let spaced = suite::texts().map(|text| {
        let context = base.tokenizer.encode(&format!("{} ", text.context))?;
        let ending = |ending: &String| {
            let (characters, bytes) = (ending.chars().count(), ending.len());
            Ok(Ending { tokens: base.tokenizer.encode(ending)?, characters, bytes })
        };
        let endings = text.endings.iter().map(ending).collect::<Result<Vec<_>>>()?;
        Ok(Question { context, endings, label: text.label })
    });
    let spaced = spaced.collect::<Result<Vec<_>>>()?;
    let space = base.tokenizer.encode(" ")?;
    let with_space = |example: &Example| {
        let start = example.answers[0].start;
        let (prompt, answer) = example.tokens.split_at(start);
        let mut tokens = [prompt, &space, answer].concat();
        tokens.truncate(BLOCK);
        let answers = std::iter::once(start + space.len()..tokens.len()).collect();
        Example { tokens, answers, ..example.clone() }
    };
    // The first answer alone, in both.
    let first = |example: &Example| {
        let answers = example.answers[..1].to_vec();
        let tokens = example.tokens[..answers[0].end].to_vec();
        Example { tokens, answers, ..example.clone() }
    };
    let plain: Vec<Example> = held_out.examples.iter().map(first).collect();
    let with: Vec<Example> = plain.iter().map(with_space).collect();
    let model = &(gpt.clone(), weights.clone());
    let rows =
        [("without", suite::questions(&base.tokenizer)?, plain), ("with a space", spaced, with)];
    for (name, questions, examples) in rows {
        let choices = choose(gpt, weights, &questions)?;
        let (loss, _) = mean(&losses(model, &examples)?);
        let (accuracy, _) = choices.tally.accuracy(3);
        println!("  {name:<30}{:>10.3}{accuracy:>12.2}{loss:>14.3}", choices.nats());
    }
    Ok(())
}

fn best_of_many(base: &Base, train: &Course, questions: &[Question]) -> Result<()> {
    let run = |number: usize| {
        let examples = train.examples.iter().cycle().skip(37 * number).take(FEW);
        let (gpt, weights) = taught(base, &examples.cloned().collect::<Vec<_>>(), 1, OTHER_RATE)?;
        let choices = choose(&gpt, &weights, questions)?;
        let half = |parity: usize| {
            let mut tally = Tally::default();
            let each = questions.iter().zip(&choices.scores).skip(parity).step_by(2);
            each.for_each(|(question, scores)| tally.add(question, (scores, 0)));
            tally.accuracy(3).0
        };
        Ok([half(0), half(1)])
    };
    let numbers = (0..RUNS).into_par_iter().with_max_len(1);
    let runs = numbers.map(|number| single_threaded(|| run(number))).collect::<Result<Vec<_>>>()?;
    println!("\nTHE BEST OF {RUNS} RUNS: each has learned {FEW} conversations");
    println!("  {:<34}{:>16}{:>16}", "accuracy on", "one half", "the other half");
    let line = |name: &str, [a, b]: [f64; 2]| println!("  {name:<34}{a:>16.2}{b:>16.2}");
    let mean = |half: usize| runs.iter().map(|run| run[half]).sum::<f64>() / RUNS as f64;
    line("all runs, mean", [mean(0), mean(1)]);
    for half in 0..2 {
        let highest = runs.iter().map(|run| run[half]).fold(0.0, f64::max);
        // Of equal ones the first.
        let best = runs.iter().find(|run| run[half] == highest).copied().unwrap_or_default();
        line(["the best on the one half", "the best on the other half"][half], best);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_and_its_error() {
        let (mean, error) = mean(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(mean, 2.5);
        assert!((error - (5.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn an_item_to_learn_is_its_context_and_its_right_ending() {
        let ending = |tokens: &[u32]| Ending { tokens: tokens.to_vec(), characters: 1, bytes: 1 };
        let endings = vec![ending(&[3]), ending(&[4, 5])];
        let items = items(&[Question { context: vec![1, 2], endings, label: 1 }]);
        assert_eq!((&items[0].tokens[..], items[0].learned()), (&[1, 2, 4, 5][..], 3));
    }
}
