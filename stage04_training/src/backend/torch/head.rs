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

/// About how many logits there are at a time: 256 MB in f32.
const PART: i64 = 1 << 26;

/// How many rows make a part.
fn rows_each(vocab_size: i64) -> i64 {
    (PART / vocab_size).max(1)
}

// ANCHOR: backward
/// The summed loss of some rows, as a scalar of this kind on their device, and the gradient of
/// h. The gradient of W is added to `dw`. Without `dw`: the loss alone, and no gradient.
///
/// h: (rows, n_embd), in the precision of w: (vocab_size, n_embd); targets: (rows); scale: what
/// the sum is multiplied by before its gradient is taken; dw: as w, f32.
pub(super) fn loss(
    h: &Tensor,
    w: &Tensor,
    targets: &Tensor,
    kind: Kind,
    mut gradient: Option<(f64, &mut Tensor)>,
) -> Torch<(Tensor, Option<Tensor>)> {
    let _guard = tch::no_grad_guard();
    let (rows, each) = (h.size()[0], rows_each(w.size()[0]));
    let mut loss = Tensor::f_zeros([], (kind, h.device()))?;
    let mut dh = Vec::new();
    for start in (0..rows).step_by(each as usize) {
        let n = each.min(rows - start);
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
// ANCHOR_END: backward
