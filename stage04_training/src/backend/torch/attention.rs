//! Scaled dot-product attention in the operations of libtorch, of whole sequences and of documents that
//! share one.
//!
//! Where a row of a batch holds several documents, a mask keeps them apart:
//!
//! ```text
//! position   0 1 2 0 1
//! token 0    x . . . .          x: seen
//! token 1    x x . . .          .: -infinity is added to the score, so that the weight is 0
//! token 2    x x x . .
//! token 3    . . . x .          begins the second document
//! token 4    . . . x x
//! ```
//!
//! Stage 2 attends document by document instead. A GPU would get many small operations that way, and
//! each takes as long to start as a large one. The mask costs batch * length * length numbers, once for
//! all layers; and half of the arithmetic is for nothing, as the kernels skip what is *later*, but not
//! what is masked.

use tch::{Kind, Tensor};

use super::Torch;

/// Causal attention by its equation, with the matrix of all attention weights in memory.
///
/// q, result: (batch, n_head, length, size); k, v: of n_kv_head heads; mask: of [`document_mask`], where
/// sequences hold several documents.
pub(super) fn plain(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dropout: f64,
) -> Torch<Tensor> {
    let (_, n_head, length, size) = q.size4()?;
    let (k, v) = (for_heads(n_head, k)?, for_heads(n_head, v)?);
    let scores = q.f_matmul(&k.f_transpose(2, 3)?)?.f_mul_scalar(1.0 / (size as f64).sqrt())?;
    let scores = match mask {
        Some(mask) => scores.f_add(mask)?,
        None => {
            let later = Tensor::f_ones([length, length], (Kind::Bool, q.device()))?.f_triu(1)?;
            scores.f_masked_fill(&later, f64::NEG_INFINITY)?
        }
    };
    let att = scores.f_softmax(-1, Kind::Float)?;
    apply_dropout(&att, dropout)?.f_to_kind(v.f_kind()?)?.f_matmul(&v)
}

/// The same in one operation, without that matrix. Shared heads of k and v are read where they are in
/// bf16, and copied in f32 or under a mask: the fast kernels of a GPU for these know no shared heads,
/// and libtorch would choose a slow one with the matrix.
pub(super) fn fused(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dropout: f64,
) -> Torch<Tensor> {
    let (_, n_head, _, _) = q.size4()?;
    let bf16 = k.f_kind()? == Kind::BFloat16;
    let shared = k.size4()?.1 < n_head && bf16 && mask.is_none();
    let n_kv_head = if shared { k.size4()?.1 } else { n_head };
    let (k, v) = (for_heads(n_kv_head, k)?, for_heads(n_kv_head, v)?);
    let causal = mask.is_none();
    Tensor::f_scaled_dot_product_attention(q, &k, &v, mask, dropout, causal, None, shared)
}

/// What is added to the scores so that each token sees its own document up to itself: 0, or -infinity.
/// Shape: (batch, 1, length, length).
///
/// positions: of each token in its document, (batch, length); kind: that of the scores.
pub(super) fn document_mask(positions: &Tensor, kind: Kind) -> Torch<Tensor> {
    let (batch, length) = positions.size2()?;
    let at = Tensor::f_arange(length, (Kind::Int64, positions.device()))?;
    // Token i sees token j if its document's start is at most j, and j at most i.
    let starts = at.f_sub(positions)?.f_unsqueeze(2)?;
    let seen = at.f_ge_tensor(&starts)?.f_tril(0)?.f_unsqueeze(1)?;
    let mut mask = Tensor::f_zeros([batch, 1, length, length], (kind, positions.device()))?;
    mask.f_masked_fill_(&seen.f_logical_not()?, f64::NEG_INFINITY)
}

/// Repeats each head of keys or values for the query heads that share it, which are neighbours.
fn for_heads(n_head: i64, x: &Tensor) -> Torch<Tensor> {
    match n_head / x.size4()?.1 {
        1 => Ok(x.shallow_clone()),
        group => x.f_repeat_interleave_self_int(group, 1, None),
    }
}

/// Dropout, if the probability is above 0.
pub(super) fn apply_dropout(x: &Tensor, probability: f64) -> Torch<Tensor> {
    if probability > 0.0 { x.f_dropout(probability, true) } else { Ok(x.shallow_clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Heads of 2 sequences of 7 tokens.
    fn head(n: i64, by: f64) -> Tensor {
        let line = Tensor::linspace(0.0, by * 1e3, 2 * n * 7 * 8, (Kind::Float, Device::Cpu));
        line.sin().view([2, n, 7, 8]).to_kind(Kind::BFloat16).to_kind(Kind::Float)
    }

    fn error(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    /// Documents of 4 and 3 tokens, and of 7.
    fn positions() -> Tensor {
        Tensor::from_slice(&[0i64, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4, 5, 6]).view([2, 7])
    }

    #[test]
    fn fused_attention_is_plain_attention() {
        for n_kv_head in [4, 2, 1] {
            let (q, k, v) = (head(4, 1.7), head(n_kv_head, 2.3), head(n_kv_head, 3.1));
            for masked in [false, true] {
                let mask = |kind| masked.then(|| document_mask(&positions(), kind).unwrap());
                let plain = plain(&q, &k, &v, mask(Kind::Float).as_ref(), 0.0).unwrap();
                for (kind, most) in [(Kind::Float, 1e-6), (Kind::BFloat16, 2e-2)] {
                    let [q, k, v] = [&q, &k, &v].map(|part| part.to_kind(kind));
                    let fused = fused(&q, &k, &v, mask(kind).as_ref(), 0.0).unwrap();
                    assert_eq!(fused.kind(), kind);
                    let error = error(&fused, &plain);
                    assert!(error < most, "{n_kv_head} heads, {kind:?}, {masked}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_document_attends_as_in_a_row_of_its_own() {
        let (q, k, v) = (head(4, 1.7), head(2, 2.3), head(2, 3.1));
        let mask = document_mask(&positions(), Kind::Float).unwrap();
        let packed = plain(&q, &k, &v, Some(&mask), 0.0).unwrap();
        for (sequence, start, length) in [(0, 0, 4), (0, 4, 3), (1, 0, 7)] {
            let own = |x: &Tensor| x.narrow(0, sequence, 1).narrow(2, start, length);
            let [q, k, v] = [&q, &k, &v].map(own);
            let alone = plain(&q, &k, &v, None, 0.0).unwrap();
            assert!(error(&own(&packed), &alone) < 1e-6);
        }
    }
}
