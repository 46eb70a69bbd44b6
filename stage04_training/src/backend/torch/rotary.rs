//! Rotary position embedding: stage 2's `rotary`, in the operations of libtorch.

use stage02_attention::attention::rotary::Rope;
use tch::{Device, Kind, Tensor};

use super::Torch;

/// The cosine and the sine of every angle of a rotation, f32. Shape of each: (positions, 1, hs / 2), of
/// all positions of a model; or (batch, length, 1, hs / 2), of the tokens of a batch.
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl Angles {
    /// The angles of all positions, for heads of this size. They are computed on the CPU: some GPUs
    /// take the cosine of a large angle less exactly.
    pub fn new(rope: Rope, positions: usize, size: usize, device: Device) -> Torch<Self> {
        let frequencies: Vec<f32> = rope.frequencies(size).iter().map(|&f| f as f32).collect();
        let frequencies = Tensor::f_from_slice(&frequencies)?;
        let positions = Tensor::f_arange(positions as i64, (Kind::Float, Device::Cpu))?;
        let angles = positions.f_outer(&frequencies)?.f_unsqueeze(1)?;
        let (cos, sin) = (angles.f_cos()?, angles.f_sin()?);
        Ok(Angles { cos: cos.f_to_device(device)?, sin: sin.f_to_device(device)? })
    }

    /// The angles of tokens at these positions, (batch, length); or, without positions, of the tokens of
    /// any sequence of this length.
    ///
    /// Attention sees differences of positions only, and these do not change where a document begins
    /// later in its row. It is counted from 0 all the same, for the rounding of a row of its own.
    pub fn at(&self, positions: Option<&Tensor>, length: i64) -> Torch<Self> {
        let of_tokens = |all: &Tensor| match positions {
            Some(positions) => {
                let rows = all.f_index_select(0, &positions.f_reshape([-1])?)?;
                rows.f_view([-1, length, 1, all.size()[2]])
            }
            None => all.f_narrow(0, 0, length),
        };
        Ok(Angles { cos: of_tokens(&self.cos)?, sin: of_tokens(&self.sin)? })
    }

    /// Rotates the pairs (j, j + size / 2) of every head, in f32, by the angles of these tokens. x:
    /// (batch, length, heads, size).
    pub fn rotate(&self, x: &Tensor) -> Torch<Tensor> {
        let half = x.size4()?.3 / 2;
        let (a, b) = (x.f_narrow(3, 0, half)?, x.f_narrow(3, half, half)?);
        let first = a.f_mul(&self.cos)?.f_sub(&b.f_mul(&self.sin)?)?;
        let second = a.f_mul(&self.sin)?.f_add(&b.f_mul(&self.cos)?)?;
        Tensor::f_cat(&[first, second], 3)?.f_to_kind(x.f_kind()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_those_of_stage_3() {
        let (rope, size) = (Rope::new(10_000.0), 64);
        let ours = rope.angles::<f32>(size, 4096);
        let theirs = Angles::new(rope, 4096, size, Device::Cpu).unwrap();
        let x = Tensor::ones([1, 4096, 1, size as i64], (Kind::Float, Device::Cpu));
        // In order, and backwards.
        let backwards = Tensor::arange(4096, (Kind::Int64, Device::Cpu)).flip([0]).view([1, 4096]);
        let all = [None, Some(&backwards)].map(|positions| theirs.at(positions, 4096).unwrap());
        let rotated = all.map(|angles| angles.rotate(&x).unwrap());
        for position in [0, 1, 77, 4095] {
            let mut expected = vec![1.0; size];
            ours.rotate(position, &mut expected);
            for (rotated, row) in rotated.iter().zip([position, 4095 - position]) {
                let row = rotated.get(0).get(row as i64).get(0);
                let row = Vec::<f32>::try_from(row).unwrap();
                for (a, b) in expected.iter().zip(&row) {
                    assert!((a - b).abs() < 1e-5, "{position}: {expected:?} {row:?}");
                }
            }
        }
    }
}
