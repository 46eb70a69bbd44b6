//! What a GPU is good at, computed from its data sheet, and how a program speaks to it, shown on a
//! device of our own: a thread with a memory and a queue of its own.
//!
//! Neither libtorch nor a GPU is needed, so nothing here measures one. That is the work of
//! `gpu_ladder`.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use ndarray::Array2;
use stage01_bigram::text::thousands;
use stage01_bigram::vector::sum;
use stage02_attention::matmul;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage04_training::backend::device_info::Libtorch;
use stage04_training::backend::{DeviceInfo, Verdict, judge};

/// Runs the experiment.
pub fn run() {
    many_threads();
    roofline();
    on_paper();
    a_clock_that_lies();
    looking();
    views();
    same_numbers();
    left_out();
}

// ANCHOR: card
/// What the maker says of a card.
struct Card {
    /// Operations per second, at most.
    peak: f64,
    /// Bytes per second between its memory and its processors.
    bandwidth: f64,
}

/// NVIDIA's H100 (SXM), in bf16, for dense matrices.
const H100: Card = Card { peak: 989e12, bandwidth: 3.35e12 };
// ANCHOR_END: card
/// The same card with matrix products in f32, on its ordinary lanes and on its tensor cores.
const H100_F32: Card = Card { peak: 67e12, ..H100 };
const H100_TF32: Card = Card { peak: 494e12, ..H100 };

const MULTIPROCESSORS: usize = 132;
const LANES: usize = 128;
const THREADS: usize = 2048;

impl Card {
    // ANCHOR: limit
    /// The most operations per second, at this arithmetic intensity.
    fn limit(&self, per_byte: f64) -> f64 {
        self.peak.min(self.bandwidth * per_byte)
    }

    /// From this arithmetic intensity on, work is compute-bound.
    fn ridge(&self) -> f64 {
        self.peak / self.bandwidth
    }
    // ANCHOR_END: limit
}

fn many_threads() {
    println!("MANY LANES: an H100, by its data sheet");
    let lanes = MULTIPROCESSORS * LANES;
    let clock = H100_F32.peak / (2 * lanes) as f64;
    println!("{MULTIPROCESSORS} multiprocessors x {LANES} lanes     {:>7} lanes", thousands(lanes));
    println!("67 TFLOP/s / (2 x lanes)         {:>7.2} GHz", clock / 1e9);
    let threads = thousands(MULTIPROCESSORS * THREADS);
    println!("{MULTIPROCESSORS} multiprocessors x {THREADS} threads  {threads:>7} threads at hand");
}

fn roofline() {
    println!("\nTHE ROOFLINE");
    println!("products in   TFLOP/s   TB/s   operations per byte at the ridge");
    for (name, card) in [("f32", H100_F32), ("TF32", H100_TF32), ("bf16", H100)] {
        let Card { peak, bandwidth } = card;
        let (peak, bandwidth, ridge) = (peak / 1e12, bandwidth / 1e12, card.ridge());
        println!("{name:<11}{peak:>10.0}{bandwidth:>7.2}{ridge:>32.0}");
    }
}

/// Operations and bytes of a product of (rows, n) and (n, n), in numbers of two bytes.
fn product(rows: u64, n: u64) -> [u64; 2] {
    // ANCHOR: product
    let operations = 2 * rows * n * n;
    let bytes = 2 * (rows * n + n * n + rows * n);
    // ANCHOR_END: product
    [operations, bytes]
}

/// Operations and bytes of AdamW for this number of weights. Operations: about 16 each. Bytes: the weight and both averages are
/// fetched and stored, the gradient is fetched, four each.
fn adamw(weights: u64) -> [u64; 2] {
    [16 * weights, 28 * weights]
}

/// From how many rows on a product of (rows, n) and (n, n) is compute-bound.
fn rows_needed(card: &Card, n: u64) -> Option<u64> {
    let busy = |rows: &u64| {
        let [operations, bytes] = product(*rows, n);
        operations as f64 / bytes as f64 >= card.ridge()
    };
    (1..1 << 20).find(busy)
}

fn on_paper() {
    println!("\nON PAPER: what an H100 can make of it in bf16, at most");
    println!("work                     operations per byte   TFLOP/s   of its peak");
    let works = [
        ("4 rows x (4, 4)", product(4, 4)),
        ("1 row x (768, 768)", product(1, 768)),
        ("64 rows", product(64, 768)),
        ("768 rows", product(768, 768)),
        ("12,288 rows", product(12_288, 768)),
        ("AdamW", adamw(1)),
    ];
    for (name, [operations, bytes]) in works {
        let per_byte = operations as f64 / bytes as f64;
        let limit = H100.limit(per_byte);
        let percent = 100.0 * limit / H100.peak;
        println!("{name:<24}{per_byte:>18.2}{:>10.1}{percent:>12.1} %", limit / 1e12);
    }
    let rows = rows_needed(&H100, 768).expect("768 is enough columns");
    println!("a matrix of (768, 768) keeps it busy from {} rows on", thousands(rows as usize));
    match rows_needed(&H100, 512) {
        Some(rows) => println!("one of (512, 512) from {rows} rows on"),
        None => println!("one of (512, 512) never does"),
    }
}

// ANCHOR: device
/// The name of a matrix on the device: its number in the list there.
#[derive(Clone, Copy)]
struct There(usize);

/// What the device can be asked for.
enum Order {
    Put(Array2<f32>),
    Multiply(There, There),
    Fetch(There, Sender<Array2<f32>>),
}
// ANCHOR_END: device

// ANCHOR: work
/// The device: does one order after another, in a memory of its own.
fn work(queue: Receiver<Order>) {
    let mut memory: Vec<Array2<f32>> = Vec::new();
    for order in queue {
        match order {
            Order::Put(matrix) => memory.push(matrix),
            Order::Multiply(There(a), There(b)) => {
                let mut c = Array2::zeros((memory[a].nrows(), memory[b].ncols()));
                matmul::gemm(1.0, memory[a].view(), memory[b].view(), 0.0, &mut c.view_mut());
                memory.push(c);
            }
            Order::Fetch(There(a), answer) => _ = answer.send(memory[a].clone()),
        }
    }
}
// ANCHOR_END: work

/// Our end of the queue.
struct Device {
    queue: Sender<Order>,
    matrices: usize,
}

impl Device {
    fn new() -> Self {
        let (queue, orders) = channel();
        thread::spawn(|| work(orders)); // it ends when nobody can ask any more
        Device { queue, matrices: 0 }
    }

    // ANCHOR: ask
    /// Asks, and does not wait.
    fn ask(&mut self, order: Order) -> There {
        self.queue.send(order).expect("the device listens");
        self.matrices += 1;
        There(self.matrices - 1)
    }

    /// Brings a matrix here. All that was asked for before must be done first.
    fn fetch(&self, matrix: There) -> Array2<f32> {
        let (answer, here) = channel();
        self.queue.send(Order::Fetch(matrix, answer)).expect("the device listens");
        here.recv().expect("the device answers")
    }
    // ANCHOR_END: ask
}

fn matrix(n: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, n), |(i, j)| ((i * 7919 + j * 31) % 1000) as f32 / 1000.0 - 0.5)
}

/// Asks for some products of matrices of (n, n). In seconds: when all were asked for, and when all
/// were done.
fn products(n: usize, how_many: usize) -> (f64, f64) {
    let mut device = Device::new();
    let a = device.ask(Order::Put(matrix(n)));
    device.fetch(a); // now the thread runs
    // ANCHOR: clock
    let start = Instant::now();
    let mut last = a;
    for _ in 0..how_many {
        last = device.ask(Order::Multiply(a, a));
    }
    let asked = start.elapsed().as_secs_f64();
    device.fetch(last);
    let done = start.elapsed().as_secs_f64();
    // ANCHOR_END: clock
    (asked, done)
}

fn a_clock_that_lies() {
    let (n, how_many) = (256, 100);
    println!("\nA CLOCK THAT LIES: {how_many} products of {n} x {n}");
    let (asked, done) = products(n, how_many);
    let operations = (how_many * 2 * n * n * n) as f64;
    for (name, seconds) in [("all are asked for", asked), ("all are done", done)] {
        let speed = thousands((operations / seconds / 1e9) as usize);
        println!("{name:<18}{:>9.3} ms   {speed:>7} GFLOP/s", 1e3 * seconds);
    }
}

/// The time for some small products, with a look at the last one or at each.
fn small_products(how_many: usize, look_at_each: bool) -> f64 {
    let mut device = Device::new();
    let a = device.ask(Order::Put(matrix(8)));
    device.fetch(a);
    let start = Instant::now();
    let mut last = a;
    for _ in 0..how_many {
        last = device.ask(Order::Multiply(a, a));
        if look_at_each {
            device.fetch(last);
        }
    }
    device.fetch(last);
    start.elapsed().as_secs_f64()
}

fn looking() {
    let how_many = 2000;
    println!("\nLOOKING: {how_many} products of 8 x 8");
    let best = |each| (0..5).map(|_| small_products(how_many, each)).fold(f64::INFINITY, f64::min);
    let (once, each) = (best(false), best(true));
    println!("look at the last  {:>9.3} ms", 1e3 * once);
    println!("look at each      {:>9.3} ms, {:.0} times as slow", 1e3 * each, each / once);
}

/// The architecture of the smallest GPT-2.
fn gpt2() -> Gpt {
    let (vocab_size, block_size, n_layer, n_head, n_embd) = (50_257, 1024, 12, 12, 768);
    let (dropout, bias) = (0.0, true);
    Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    })
    .expect("these sizes fit together")
}

fn views() {
    println!("\nONE VECTOR, MANY VIEWS: GPT-2's smallest");
    println!("tensor                     begins at   shape");
    let gpt = gpt2();
    let tensors = gpt.layout().tensors();
    for tensor in &tensors[..5] {
        let shape: Vec<_> = tensor.shape.iter().map(usize::to_string).collect();
        let place = thousands(tensor.offset);
        println!("{:<24}{place:>12}   {}", tensor.name, shape.join(" x "));
    }
    let (n, count) = (gpt.layout().len(), tensors.len());
    println!("{count} tensors, {} numbers", thousands(n));
    println!("one leaf: a gradient of that length for each of {count} tensors");
    let bytes = (4 * n * count) as f64;
    let milliseconds = 1e3 * bytes / H100.bandwidth;
    println!(
        "{:.1} GB per backward pass; to write them takes an H100 {milliseconds:.0} ms",
        bytes / 1e9
    );
}

/// 1, 1/2, 1/3 and so on.
fn numbers(n: usize) -> Vec<f32> {
    (1..=n).map(|i| 1.0 / i as f32).collect()
}

// ANCHOR: orders
/// From the first to the last.
fn in_turn(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |total, x| total + x)
}

/// The sum of one half plus the sum of the other, which two threads could compute.
fn in_halves(x: &[f32]) -> f32 {
    match x {
        [] => 0.0,
        [x] => *x,
        _ => {
            let (a, b) = x.split_at(x.len() / 2);
            in_halves(a) + in_halves(b)
        }
    }
}
// ANCHOR_END: orders

fn same_numbers() {
    println!("\nTHE SAME SUM: 1 + 1/2 + 1/3 + … + 1/131072, in f32");
    let x = numbers(1 << 17);
    let exact: f64 = x.iter().copied().map(f64::from).sum();
    println!("in f64            {exact:.7}");
    let sums = [
        ("in turn", in_turn(&x)),
        ("sixteen totals", sum(x.iter().copied())),
        ("in halves", in_halves(&x)),
    ];
    for (name, sum) in sums {
        let apart = (f64::from(sum) / exact - 1.0).abs();
        println!("{name:<18}{sum:.7}   apart by {apart:.0e}");
    }
}

/// A machine on which a GPU can be used, as `doctor` sees it.
fn well() -> DeviceInfo {
    DeviceInfo {
        libtorch: Some(Libtorch {
            directory: ".venv/…/torch/lib".into(),
            version: "2.11.0+cu130".into(),
            built: "2.11.0+cu130".into(),
            cuda_file: true,
            cuda_loaded: true,
        }),
        gpus: 1,
        driver: Some("580.65.06".into()),
        libcuda: true,
        device_file: true,
        ..DeviceInfo::default()
    }
}

/// Four machines on which libtorch says: no GPU.
fn without_gpu() -> [(&'static str, DeviceInfo); 4] {
    let dropped = |mut info: DeviceInfo| {
        info.libtorch.as_mut().expect("it is there").cuda_loaded = false;
        info
    };
    let old = Some("570.195.03".into());
    let none = || DeviceInfo { gpus: 0, ..well() };
    [
        ("a library left out", dropped(none())),
        ("an old driver", DeviceInfo { driver: old, ..none() }),
        ("a variable", DeviceInfo { visible: Some("-1".into()), ..none() }),
        ("a container", DeviceInfo { device_file: false, ..none() }),
    ]
}

fn left_out() {
    println!("\nA BUG: libtorch sees no GPU, four times");
    for (name, info) in without_gpu() {
        let gpus = info.gpus;
        let Verdict::No(reason) = judge(&info) else { continue };
        println!("{name:<20}{gpus} GPUs   {}", reason.problem());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage04_training::backend::Reason;

    #[test]
    fn the_example_for_paper() {
        // 128 operations on 48 numbers of two bytes.
        assert_eq!(product(4, 4), [128, 96]);
        let limit = H100.limit(128.0 / 96.0);
        assert!((limit / 1e12 - 4.47).abs() < 0.005, "{limit}");
        assert!((H100.ridge() - 295.2).abs() < 0.05);
        assert!((H100_F32.ridge() - 20.0).abs() < 0.05);
    }

    #[test]
    fn a_narrow_matrix_never_keeps_it_busy() {
        let rows = rows_needed(&H100, 768).unwrap();
        let [operations, bytes] = product(rows, 768);
        assert!(H100.limit(operations as f64 / bytes as f64) == H100.peak);
        let [operations, bytes] = product(rows - 1, 768);
        assert!(H100.limit(operations as f64 / bytes as f64) < H100.peak);
        // However many rows, 512 columns give at most 256 operations per byte.
        assert_eq!(rows_needed(&H100, 512), None);
    }

    #[test]
    fn what_the_device_computes_is_what_is_computed_here() {
        let mut device = Device::new();
        let a = device.ask(Order::Put(matrix(5)));
        let b = device.ask(Order::Multiply(a, a));
        let c = device.ask(Order::Multiply(b, a));
        let here = matrix(5).dot(&matrix(5)).dot(&matrix(5));
        let apart = (device.fetch(c) - here).mapv(f32::abs);
        assert!(apart.iter().all(|&x| x < 1e-5));
    }

    #[test]
    fn to_ask_takes_less_time_than_to_do() {
        let (asked, done) = products(256, 20);
        assert!(asked < done);
    }

    #[test]
    fn every_order_of_adding_is_near_and_not_the_same() {
        let x = numbers(1 << 17);
        let exact: f64 = x.iter().copied().map(f64::from).sum();
        let sums = [in_turn(&x), sum(x.iter().copied()), in_halves(&x)];
        assert!(sums[0] != sums[1] && sums[1] != sums[2]);
        for sum in sums {
            assert!((f64::from(sum) / exact - 1.0).abs() < 1e-4, "{sum} {exact}");
        }
    }

    #[test]
    fn one_vector_holds_every_tensor_once() {
        let gpt = gpt2();
        let mut end = 0;
        for tensor in gpt.layout().tensors() {
            assert_eq!(tensor.offset, end);
            end = tensor.range().end;
        }
        assert_eq!(end, 124_439_808);
    }

    #[test]
    fn each_of_the_four_has_its_own_reason() {
        assert_eq!(judge(&well()), Verdict::Ready);
        let reasons = without_gpu().map(|(_, info)| judge(&info));
        assert_eq!(reasons[0], Verdict::No(Reason::Dropped));
        for (i, reason) in reasons.iter().enumerate() {
            assert!(reasons[..i].iter().all(|other| other != reason), "{reason:?}");
        }
    }
}
