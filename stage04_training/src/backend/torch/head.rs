//! The output layer and the loss, a block of rows at a time, with an explicit gradient.
//!
//! The logits are the largest tensor of a GPT: 16 sequences of 1,024 tokens and a vocabulary of
//! 50,257 make 823 million numbers, and automatic differentiation would keep three such tensors
//! (the logits, the log-probabilities, the gradient), 10 GB in f32. But a row of logits is needed
//! only until its own gradient is known. So each block of rows has its forward and its backward
//! pass before the next block begins:
//!
//! ```text
//! logits  = h W'                                    W: the output layer, often the token embeddings
//! loss    = the sum of -ln p(target)
//! dlogits = (p - [1 at the target]) * scale         stage 1's gradient of the cross-entropy
//! dh      = dlogits W;    dW += dlogits' h
//! ```

use tch::{Kind, Tensor};

use super::Torch;
use crate::backend::LOGITS;

/// The summed loss of all rows, as a scalar of type `kind` on their device. With `gradient` it also
/// returns the gradient of h, and adds the gradient of W to `dw`.
///
/// h: (rows, n_embd), in the precision of w: (vocab_size, n_embd); targets: (rows). gradient:
/// (scale, dw); the gradient is that of scale times the sum; dw: as w, f32; none: W is frozen.
pub(super) fn loss(
    h: &Tensor,
    w: &Tensor,
    targets: &Tensor,
    kind: Kind,
    gradient: Option<(f64, Option<&mut Tensor>)>,
) -> Torch<(Tensor, Option<Tensor>)> {
    let vocab_size = w.size()[0];
    let rows_per_block = (LOGITS as i64 / vocab_size).max(1);
    in_blocks(rows_per_block, h, w, targets, kind, gradient)
}

// ANCHOR: parts
/// [`loss`] with `rows_per_block` rows at a time.
fn in_blocks(
    rows_per_block: i64,
    h: &Tensor,
    w: &Tensor,
    targets: &Tensor,
    kind: Kind,
    mut gradient: Option<(f64, Option<&mut Tensor>)>,
) -> Torch<(Tensor, Option<Tensor>)> {
    let _guard = tch::no_grad_guard();
    let rows = h.size()[0];
    let mut loss = Tensor::f_zeros([], (kind, h.device()))?;
    let mut dh = Vec::new();
    for start in (0..rows).step_by(rows_per_block as usize) {
        let n = rows_per_block.min(rows - start);
        let (h, targets) = (h.f_narrow(0, start, n)?, targets.f_narrow(0, start, n)?);
        let targets = targets.f_unsqueeze(1)?;

        let logits = h.f_mm(&w.f_tr()?)?.f_to_kind(Kind::Float)?;
        let mut log_probs = logits.f_log_softmax(-1, None)?;
        drop(logits);
        let of_targets = log_probs.f_gather(1, &targets, false)?;
        let _ = loss.f_sub_(&of_targets.f_sum(kind)?)?;

        if let Some((scale, dw)) = &mut gradient {
            let mut dlogits = log_probs.f_exp_()?;
            let minus_one = Tensor::f_full([n, 1], -1.0, (Kind::Float, h.device()))?;
            let _ = dlogits.f_scatter_add_(1, &targets, &minus_one)?;
            let dlogits = dlogits.f_mul_scalar_(*scale)?.f_to_kind(h.f_kind()?)?;
            dh.push(dlogits.f_mm(w)?);
            if let Some(dw) = dw {
                let _ = dw.f_add_(&dlogits.f_tr()?.f_mm(&h)?)?;
            }
        }
    }
    let dh = match dh.len() {
        0 => None,
        1 => dh.pop(),
        _ => Some(Tensor::f_cat(&dh, 0)?),
    };
    Ok((loss, dh))
}
// ANCHOR_END: parts

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of numbers between -1 and 1, without libtorch's one generator.
    fn matrix(rows: i64, columns: i64, by: f64) -> Tensor {
        let n = rows * columns;
        let line = Tensor::linspace(0.0, by * n as f64, n, (Kind::Float, tch::Device::Cpu));
        line.sin().view([rows, columns])
    }

    #[test]
    fn blocks_of_any_length_agree_with_libtorchs_own_loss() {
        let (rows, vocab_size, n_embd, scale) = (11, 7, 5, 0.3);
        let (h, w) = (matrix(rows, n_embd, 1.7), matrix(vocab_size, n_embd, 2.3));
        let targets = Tensor::arange(rows, (Kind::Int64, tch::Device::Cpu)).remainder(vocab_size);

        let (h1, w1) = (h.copy().set_requires_grad(true), w.copy().set_requires_grad(true));
        let log_probs = h1.mm(&w1.tr()).log_softmax(-1, Kind::Float);
        let sum = log_probs.nll_loss(&targets) * rows as f64;
        (&sum * scale).backward();

        let difference = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        for rows_per_block in [1, 3, 10, 11, 100] {
            let mut dw = Tensor::ones_like(&w);
            let gradient = Some((scale, Some(&mut dw)));
            let (loss, dh) =
                in_blocks(rows_per_block, &h, &w, &targets, Kind::Double, gradient).unwrap();
            assert!(
                (loss.double_value(&[]) - sum.double_value(&[])).abs() < 1e-5,
                "{rows_per_block}"
            );
            assert!(difference(&dh.unwrap(), &h1.grad()) < 1e-6, "{rows_per_block}");
            // Added to what was there.
            assert!(difference(&(dw - 1.0), &w1.grad()) < 1e-6, "{rows_per_block}");
            let frozen = Some((scale, None));
            let (_, same) =
                in_blocks(rows_per_block, &h, &w, &targets, Kind::Double, frozen).unwrap();
            assert!(difference(&same.unwrap(), &h1.grad()) < 1e-6, "{rows_per_block}");
            let (again, none) =
                in_blocks(rows_per_block, &h, &w, &targets, Kind::Double, None).unwrap();
            assert!(none.is_none() && again.double_value(&[]) == loss.double_value(&[]));
        }
    }
}
