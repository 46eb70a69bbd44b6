//! Compares each layer separately, forward and backward pass, with PyTorch.
//!
//! One wrong layer makes all results of a model wrong; here it is named. Each test asserts at its
//! end that it compared every tensor that the file has of its layer.

use ndarray::{Array1, Array2};
use parity::{Golden, assert_each_close, type_name};
use stage01_bigram::Float;
use stage01_bigram::loss;
use stage02_attention::attention::cross::CrossAttention;
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::attention::{Mask, fused, scaled_dot_product};
use stage02_attention::backward::Backward;
use stage02_attention::dropout::Dropout;
use stage02_attention::embedding::Embedding;
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::layer_norm::{LayerNorm, Statistics};
use stage03_gpt::mlp;

/// One layer of the file, and the tolerance.
struct Case {
    golden: Golden,
    layer: &'static str,
    tolerance: f64,
}

impl Case {
    fn name(&self, tensor: &str) -> String {
        format!("{}.{tensor}", self.layer)
    }

    fn matrix<T: Float>(&self, tensor: &str) -> Array2<T> {
        self.golden.tensor(&self.name(tensor)).matrix()
    }

    fn matrices<T: Float>(&self, tensor: &str) -> Vec<Array2<T>> {
        self.golden.tensor(&self.name(tensor)).matrices()
    }

    fn tokens(&self, tensor: &str) -> Vec<u32> {
        self.golden.tensor(&self.name(tensor)).tokens()
    }

    /// Compares a tensor number by number.
    fn check<'a, T: Float>(&self, tensor: &str, ours: impl IntoIterator<Item = &'a T>) {
        let ours: Vec<T> = ours.into_iter().copied().collect();
        let what = format!("{}, {}", type_name::<T>(), self.name(tensor));
        let golden = &self.golden.tensor(&self.name(tensor)).values;
        assert_each_close(&what, &ours, golden, self.tolerance);
    }

    /// The weights of a layer that was declared in the scope `layer`.
    fn params<T: Float>(&self, layout: &Layout, rename: impl Fn(&str) -> String) -> Params<T> {
        self.golden.params(layout, |name| self.name(&rename(tail(name))))
    }

    /// Compares the gradients of all weights.
    fn check_grads<T: Float>(
        &self,
        layout: &Layout,
        grads: &Params<T>,
        rename: impl Fn(&str) -> String,
    ) {
        for tensor in layout.tensors() {
            let name = format!("d{}", rename(tail(&tensor.name)));
            self.check(&name, &grads.values[tensor.range()]);
        }
    }
}

/// The name of a tensor within its layer.
fn tail(name: &str) -> &str {
    name.strip_prefix("layer.").expect("declared in the scope `layer`")
}

fn same(name: &str) -> String {
    name.to_string()
}

/// Runs a test in both number types on a layer of the file, with the tolerances of the README.
macro_rules! parity {
    ($($layer:ident => $test:ident;)*) => {$(
        #[test]
        fn $layer() {
            let layer = stringify!($layer);
            let case = |tolerance| {
                Case { golden: Golden::open("layers.safetensors"), layer, tolerance }
            };
            let (double, single) = (case(1e-9), case(1e-5));
            $test::<f64>(&double);
            $test::<f32>(&single);
            for case in [double, single] {
                case.golden.assert_all_used(&case.name(""));
            }
        }
    )*};
}

parity! {
    layer_norm => check_layer_norm;
    gelu => check_gelu;
    softmax_cross_entropy => check_softmax_cross_entropy;
    linear => check_linear;
    embedding => check_embedding;
    attention_causal => check_attention;
    attention_full => check_attention;
    attention_cross => check_attention;
    self_attention_layer => check_self_attention_layer;
    cross_attention_layer => check_cross_attention_layer;
}

fn check_layer_norm<T: Float>(case: &Case) {
    let (x, dy): (Array2<T>, _) = (case.matrix("x"), case.matrix("dy"));
    let (rows, n_embd) = x.dim();
    let mut layout = Layout::new();
    let norm = LayerNorm::declare(layout.scope("layer"), n_embd, true);
    // Model files call them weight and bias, papers gamma and beta.
    let rename = |name: &str| {
        let names = [("weight", "gamma"), ("bias", "beta")];
        names.into_iter().find(|(file, _)| *file == name).expect("no third tensor").1.to_string()
    };
    let params = case.params(&layout, rename);

    let (mut statistics, mut y) = (Statistics::new(rows), Array2::zeros(x.dim()));
    norm.forward(&params, x.view(), &mut statistics, y.view_mut());
    case.check("y", &y);

    let (mut dx, mut grads) = (Array2::zeros(x.dim()), Params::zeros(&layout));
    norm.backward(&params, x.view(), &statistics, dy.view(), dx.view_mut(), &mut grads);
    case.check("dx", &dx);
    case.check_grads(&layout, &grads, rename);
}

fn check_gelu<T: Float>(case: &Case) {
    let (x, dy): (Array2<T>, Array2<T>) = (case.matrix("x"), case.matrix("dy"));
    case.check("y", &x.mapv(mlp::gelu));
    case.check("y", &x.mapv(|x| mlp::gelu_and_derivative(x).0));
    case.check("dx", &(x.mapv(|x| mlp::gelu_and_derivative(x).1) * dy));
}

fn check_softmax_cross_entropy<T: Float>(case: &Case) {
    let (logits, targets) = (case.matrix::<T>("logits"), case.tokens("targets"));
    let rows = logits.nrows() as f64;

    let mut probabilities = logits.clone();
    for (mut row, logits) in probabilities.rows_mut().into_iter().zip(logits.rows()) {
        let row = row.as_slice_mut().expect("contiguous");
        loss::softmax(logits.to_slice().expect("contiguous"), row);
    }
    case.check("probabilities", &probabilities);
    let by_logarithm: Vec<T> = logits
        .rows()
        .into_iter()
        .flat_map(|row| {
            let mut log_p = row.to_vec();
            loss::log_softmax(row.to_slice().expect("contiguous"), &mut log_p);
            log_p.into_iter().map(T::exp)
        })
        .collect();
    case.check("probabilities", &by_logarithm);

    let losses: Vec<f64> = (0..targets.len())
        .map(|i| loss::cross_entropy(logits.slice(ndarray::s![i..i + 1, ..]), &targets[i..i + 1]))
        .collect();
    case.check("losses", &losses);
    case.check("loss", &[loss::cross_entropy(logits.view(), &targets) / rows]);

    let mut dlogits = logits;
    let sum = loss::cross_entropy_backward(dlogits.view_mut(), &targets, T::of(1.0 / rows));
    case.check("loss", &[sum / rows]);
    case.check("dlogits", &dlogits);
}

fn check_linear<T: Float>(case: &Case) {
    let (x, dy): (Array2<T>, Array2<T>) = (case.matrix("x"), case.matrix("dy"));
    let mut layout = Layout::new();
    let linear = Linear::declare(layout.scope("layer"), x.ncols(), dy.ncols(), true, Init::Zeros);
    let params = case.params(&layout, same);

    let mut y = Array2::zeros(dy.dim());
    linear.forward(&params, x.view(), y.view_mut());
    case.check("y", &y);

    let (mut dx, mut grads) = (Array2::zeros(x.dim()), Params::zeros(&layout));
    linear.backward(&params, x.view(), dy.view(), dx.view_mut(), &mut grads);
    case.check("dx", &dx);
    case.check_grads(&layout, &grads, same);
}

fn check_embedding<T: Float>(case: &Case) {
    let (ids, dy) = (case.tokens("ids"), case.matrix::<T>("dy"));
    let (n, n_embd) = case.matrix::<T>("weight").dim();
    let mut layout = Layout::new();
    let embedding = Embedding::declare(layout.scope("layer"), n, n_embd, Init::Zeros);
    let params = case.params(&layout, same);
    let indices = || ids.iter().map(|&id| id as usize);

    let mut y = Array2::zeros(dy.dim());
    embedding.forward(&params, indices(), y.view_mut());
    case.check("y", &y);
    y.fill(T::zero());
    embedding.forward_add(&params, indices(), y.view_mut());
    case.check("y", &y);

    let mut grads = Params::zeros(&layout);
    embedding.backward(indices(), dy.view(), &mut grads);
    case.check_grads(&layout, &grads, same);
}

fn check_attention<T: Float>(case: &Case) {
    let mask = if case.layer == "attention_causal" { Mask::Causal } else { Mask::None };
    let [q, k, v, dy] = ["q", "k", "v", "dy"].map(|name| case.matrices::<T>(name));
    let (mut plain, mut fast) = ([const { Vec::new() }; 5], [const { Vec::new() }; 4]);
    for (((q, k), v), dy) in q.iter().zip(&k).zip(&v).zip(&dy) {
        let (q, k, v) = (q.view(), k.view(), v.view());
        let mut att = Array2::zeros((q.nrows(), k.nrows()));
        let mut y = Array2::zeros(q.dim());
        scaled_dot_product::forward((q, k, v), mask, att.view_mut(), y.view_mut());
        let mut datt = att.clone();
        let (mut dq, mut dk, mut dv) = (y.clone(), k.to_owned(), v.to_owned());
        let gradients = (dq.view_mut(), dk.view_mut(), dv.view_mut());
        scaled_dot_product::backward((q, k, v), att.view(), dy.view(), datt.view_mut(), gradients);
        for (all, part) in plain.iter_mut().zip([att, y, dq, dk, dv]) {
            all.extend(part);
        }

        let scratch = &mut vec![T::zero(); fused::scratch_len(k.nrows())];
        let (mut y, mut lse) = (Array2::zeros(q.dim()), Array1::zeros(q.nrows()));
        let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
        fused::forward(pass, lse.view_mut(), y.view_mut());
        let (mut dq, mut dk, mut dv) = (y.clone(), k.to_owned(), v.to_owned());
        let gradients = (dq.view_mut(), dk.view_mut(), dv.view_mut());
        let ys = (y.view(), dy.view());
        let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
        fused::backward(pass, lse.view(), ys, gradients, T::zero());
        for (all, part) in fast.iter_mut().zip([y, dq, dk, dv]) {
            all.extend(part);
        }
    }
    for (name, ours) in ["weights", "y", "dq", "dk", "dv"].into_iter().zip(&plain) {
        case.check(name, ours);
    }
    for (name, ours) in ["y", "dq", "dk", "dv"].into_iter().zip(&fast) {
        case.check(name, ours);
    }
}

/// Batch size and number of heads of both layers.
const BATCH: usize = 2;
const N_HEAD: usize = 3;

fn check_self_attention_layer<T: Float>(case: &Case) {
    let (x, dy): (Array2<T>, Array2<T>) = (case.matrix("x"), case.matrix("dy"));
    let length = x.nrows() / BATCH;
    let mut layout = Layout::new();
    let attention = MultiHeadAttention::declare(
        layout.scope("layer"),
        (x.ncols(), N_HEAD),
        Mask::Causal,
        Dropout::new(0.0).unwrap(),
        true,
        (Init::Zeros, Init::Zeros),
    )
    .unwrap();
    let params = case.params(&layout, same);

    let mut acts = attention.activations(BATCH, length);
    let mut y = Array2::zeros(x.dim());
    attention.forward(&params, x.view(), &mut acts, y.view_mut(), None);
    case.check("y", &y);

    let (mut dx, mut grads) = (Array2::zeros(x.dim()), Params::zeros(&layout));
    let scratch = &mut attention.scratch(BATCH, length);
    let backward = Backward { params: &params, grads: &mut grads, scratch };
    attention.backward(x.view(), &acts, dy.view(), dx.view_mut(), backward);
    case.check("dx", &dx);
    case.check_grads(&layout, &grads, same);
}

fn check_cross_attention_layer<T: Float>(case: &Case) {
    let [x, memory, dy] = ["x", "memory", "dy"].map(|name| case.matrix::<T>(name));
    let (queries, keys) = (x.nrows() / BATCH, memory.nrows() / BATCH);
    let mut layout = Layout::new();
    let scope = layout.scope("layer");
    let cross = CrossAttention::declare(scope, x.ncols(), N_HEAD, true, Init::Zeros).unwrap();
    // GPT-2 calls the layer of the queries q_attn, and that of keys and values c_attn.
    let rename = |name: &str| name.replace("c_q.", "q_attn.").replace("c_kv.", "c_attn.");
    let params = case.params(&layout, rename);

    let mut acts = cross.activations(BATCH, queries, keys);
    let mut y = Array2::zeros(x.dim());
    cross.forward(&params, x.view(), memory.view(), &mut acts, y.view_mut());
    case.check("y", &y);

    let (mut dx, mut dmemory) = (Array2::zeros(x.dim()), Array2::zeros(memory.dim()));
    let mut grads = Params::zeros(&layout);
    let (inputs, dinputs) = ((x.view(), memory.view()), (dx.view_mut(), dmemory.view_mut()));
    cross.backward(&params, inputs, &acts, dy.view(), dinputs, &mut grads);
    case.check("dx", &dx);
    case.check("dmemory", &dmemory);
    case.check_grads(&layout, &grads, rename);
}
