//! Multiples of a point that stays, from a table.
//!
//! A scalar is cut into windows of a few bits. The table holds, for every window, the point's multiples by each digit that the window can
//! have, so that a product is one addition for each window and no doubling. What comes out is the same element of the curve as by any
//! other way of multiplying by the same integer; how long it takes depends on the scalar, so it is for public scalars only.

use curve25519_dalek::{EdwardsPoint, Scalar};

/// A table for one point, with windows of `BITS` bits, from 2 to 8.
pub(super) struct Comb<const BITS: usize> {
    /// Window after window, the multiples 1 to 2^(BITS - 1) of the point times 2^(BITS · window).
    multiples: Vec<EdwardsPoint>,
}

impl<const BITS: usize> Comb<BITS> {
    /// Digits are signed: the largest that occurs.
    const HALF: usize = 1 << (BITS - 1);
    /// Windows in 253 bits and a carry: scalars are below the group's order, which is just over 2^252.
    const WINDOWS: usize = 254_usize.div_ceil(BITS);

    /// The table: some hundred additions.
    pub(super) fn new(point: &EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(Self::WINDOWS * Self::HALF);
        let mut first = *point;
        for _ in 0..Self::WINDOWS {
            let mut multiple = first;
            multiples.push(multiple);
            for _ in 1..Self::HALF {
                multiple += &first;
                multiples.push(multiple);
            }
            first = multiple + multiple;
        }
        Comb { multiples }
    }

    /// `sum` and the point times `scalar`.
    pub(super) fn add_product(&self, mut sum: EdwardsPoint, scalar: &Scalar) -> EdwardsPoint {
        let bytes = scalar.as_bytes();
        let mut carry = 0;
        for (window, multiples) in self.multiples.chunks_exact(Self::HALF).enumerate() {
            let digit = bits(bytes, window * BITS, BITS) + carry;
            // Above the half, 2^BITS less and one more in the next window.
            carry = usize::from(digit > Self::HALF);
            match carry {
                0 if digit == 0 => {}
                0 => sum += &multiples[digit - 1],
                _ if digit == 2 * Self::HALF => {}
                _ => sum -= &multiples[2 * Self::HALF - digit - 1],
            }
        }
        debug_assert_eq!(carry, 0, "scalars are below 2^253");
        sum
    }
}

/// `count` bits of a little-endian number, from bit `from` on; beyond its end they are zero.
fn bits(bytes: &[u8; 32], from: usize, count: usize) -> usize {
    let byte = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
    let two = byte(from / 8) | byte(from / 8 + 1) << 8;
    (two >> (from % 8)) & ((1 << count) - 1)
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::traits::Identity as _;

    use super::*;

    fn scalars() -> Vec<Scalar> {
        let mut out = vec![
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            -Scalar::from(2_u8),
            Scalar::from(u64::MAX),
            Scalar::from_bytes_mod_order([0x88; 32]),
            Scalar::from_bytes_mod_order([0x10; 32]),
            Scalar::from_bytes_mod_order([0xff; 32]),
            Scalar::from_bytes_mod_order([0x7f; 32]),
        ];
        out.extend((0..64_u8).map(|n| Scalar::from_bytes_mod_order(*blake3::hash(&[n]).as_bytes())));
        out.extend((0..252_u32).map(|n| (0..n).fold(Scalar::ONE, |power, _| power + power)));
        out
    }

    fn agrees<const BITS: usize>(point: EdwardsPoint) {
        let comb = Comb::<BITS>::new(&point);
        for scalar in scalars() {
            let product = comb.add_product(EdwardsPoint::identity(), &scalar);
            // As an integer, also where the point is not in the prime-order group.
            assert_eq!(
                product.compress(),
                (point * scalar).compress(),
                "{BITS} bits, {scalar:?}"
            );
        }
    }

    #[test]
    fn products_are_those_of_plain_multiplication() {
        let point = ED25519_BASEPOINT_POINT * Scalar::from(7_u8);
        agrees::<2>(point);
        agrees::<4>(point);
        agrees::<5>(point);
        agrees::<8>(ED25519_BASEPOINT_POINT);
        agrees::<5>(point + EIGHT_TORSION[1]);
        agrees::<5>(EIGHT_TORSION[3]);
    }

    #[test]
    fn a_product_is_added_to_a_sum() {
        let (point, scalar) = (ED25519_BASEPOINT_POINT, Scalar::from(1_000_003_u64));
        let sum = Comb::<5>::new(&point).add_product(point, &scalar);
        assert_eq!(sum, point * (scalar + Scalar::ONE));
    }
}
