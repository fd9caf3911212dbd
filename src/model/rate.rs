use serde::{Deserialize, Serialize};

/// A rate as its two integers. It is never stored as a quotient, so that comparing with a target
/// is exact (`100·a ≥ 93·b`) and 49.996 % cannot pass for 50 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub num: i64,
    pub den: i64,
}

impl Rate {
    pub fn new(num: i64, den: i64) -> Rate {
        Rate { num, den }
    }

    /// The quotient, or nothing at 0/0 and x/0.
    pub fn value(self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "head counts lie far below 2^53")]
        (self.den != 0).then(|| self.num as f64 / self.den as f64)
    }

    /// Compares with another rate exactly, by cross multiplication; nothing if one has no value.
    pub fn compare(self, other: Rate) -> Option<std::cmp::Ordering> {
        if self.den <= 0 || other.den <= 0 {
            return None;
        }
        let left = i128::from(self.num) * i128::from(other.den);
        let right = i128::from(other.num) * i128::from(self.den);
        Some(left.cmp(&right))
    }
}
