//! The output layer and the loss, some rows at a time, with the gradient written out.
//!
//! The logits are the largest table of a GPT: 16 sequences of 1,024 tokens and a vocabulary of
//! 50,257 make 823 million numbers, and automatic differentiation would keep three such tables
//! (the logits, their logarithms, their gradient), 10 GB in f32. But a row of logits is needed
//! only until its own gradient is known. So a part of the rows goes there and back before the
//! next part begins:
//!
//! ```text
//! logits  = h W'                                    W: the table of the tokens
//! loss    = the sum of -ln p(target)
//! dlogits = (p - [1 at the target]) * scale         stage 1's gradient of the cross-entropy
//! dh      = dlogits W;    dW += dlogits' h
//! ```

use tch::{Kind, Tensor};

use super::Torch;
use crate::backend::LOGITS;

/// The summed loss of some rows, as a scalar of this kind on their device. With `gradient` also
/// the gradient of h, and that of W is added to `dw`.
///
/// h: (rows, n_embd), in the precision of w: (vocab_size, n_embd); targets: (rows). gradient:
/// scale, what the sum is multiplied by before its gradient is taken, and dw: as w, f32.
pub(super) fn loss(
    h: &Tensor,
    w: &Tensor,
    targets: &Tensor,
    kind: Kind,
    gradient: Option<(f64, &mut Tensor)>,
) -> Torch<(Tensor, Option<Tensor>)> {
    let vocab_size = w.size()[0];
    let rows_per_thread = (LOGITS as i64 / vocab_size).max(1);
    in_parts(rows_per_thread, h, w, targets, kind, gradient)
}

// ANCHOR: parts
/// [`loss`] with so many rows at a time.
fn in_parts(
    rows_per_thread: i64,
    h: &Tensor,
    w: &Tensor,
    targets: &Tensor,
    kind: Kind,
    mut gradient: Option<(f64, &mut Tensor)>,
) -> Torch<(Tensor, Option<Tensor>)> {
    let _guard = tch::no_grad_guard();
    let rows = h.size()[0];
    let mut loss = Tensor::f_zeros([], (kind, h.device()))?;
    let mut dh = Vec::new();
    for start in (0..rows).step_by(rows_per_thread as usize) {
        let n = rows_per_thread.min(rows - start);
        let (h, targets) = (h.f_narrow(0, start, n)?, targets.f_narrow(0, start, n)?);
        let targets = targets.f_unsqueeze(1)?;

        let logits = h.f_mm(&w.f_tr()?)?.f_to_kind(Kind::Float)?;
        let mut logarithms = logits.f_log_softmax(-1, None)?;
        drop(logits);
        let of_targets = logarithms.f_gather(1, &targets, false)?;
        let _ = loss.f_sub_(&of_targets.f_sum(kind)?)?;

        if let Some((scale, dw)) = &mut gradient {
            let mut dlogits = logarithms.f_exp_()?;
            let minus_one = Tensor::f_full([n, 1], -1.0, (Kind::Float, h.device()))?;
            let _ = dlogits.f_scatter_add_(1, &targets, &minus_one)?;
            let dlogits = dlogits.f_mul_scalar_(*scale)?.f_to_kind(h.f_kind()?)?;
            dh.push(dlogits.f_mm(w)?);
            let _ = dw.f_add_(&dlogits.f_tr()?.f_mm(&h)?)?;
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

    /// Numbers between -1 and 1 that look random, without libtorch's one generator.
    fn table(rows: i64, columns: i64, by: f64) -> Tensor {
        let n = rows * columns;
        let line = Tensor::linspace(0.0, by * n as f64, n, (Kind::Float, tch::Device::Cpu));
        line.sin().view([rows, columns])
    }

    #[test]
    fn parts_of_any_length_and_libtorchs_own_loss_agree() {
        let (rows, vocab_size, n_embd, scale) = (11, 7, 5, 0.3);
        let (h, w) = (table(rows, n_embd, 1.7), table(vocab_size, n_embd, 2.3));
        let targets = Tensor::arange(rows, (Kind::Int64, tch::Device::Cpu)).remainder(vocab_size);

        let (h1, w1) = (h.copy().set_requires_grad(true), w.copy().set_requires_grad(true));
        let logarithms = h1.mm(&w1.tr()).log_softmax(-1, Kind::Float);
        let sum = logarithms.nll_loss(&targets) * rows as f64;
        (&sum * scale).backward();

        let apart = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        for rows_per_thread in [1, 3, 10, 11, 100] {
            let mut dw = Tensor::ones_like(&w);
            let gradient = Some((scale, &mut dw));
            let (loss, dh) =
                in_parts(rows_per_thread, &h, &w, &targets, Kind::Double, gradient).unwrap();
            assert!(
                (loss.double_value(&[]) - sum.double_value(&[])).abs() < 1e-5,
                "{rows_per_thread}"
            );
            assert!(apart(&dh.unwrap(), &h1.grad()) < 1e-6, "{rows_per_thread}");
            // Added to what was there.
            assert!(apart(&(dw - 1.0), &w1.grad()) < 1e-6, "{rows_per_thread}");
            let (again, none) =
                in_parts(rows_per_thread, &h, &w, &targets, Kind::Double, None).unwrap();
            assert!(none.is_none() && again.double_value(&[]) == loss.double_value(&[]));
        }
    }
}
