//! A line through what was measured: what a row costs, and what a call.

use serde::Serialize;

/// `cost = row * rows + call`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Fit {
    pub(super) row: f64,
    pub(super) call: f64,
}

/// The line with the least squared relative errors through (rows, cost): relative, as otherwise the largest batch alone would
/// draw it. Neither part is less than 0. `None` unless there are two different numbers of rows.
pub(super) fn fit(points: &[(usize, f64)]) -> Option<Fit> {
    let mut sums = [0.0; 5];
    for (rows, cost) in points {
        let (rows, weight) = (*rows as f64, 1.0 / cost.max(1.0).powi(2));
        let terms = [1.0, rows, cost.to_owned(), rows * rows, rows * cost];
        for (sum, term) in sums.iter_mut().zip(terms) {
            *sum += weight * term;
        }
    }
    let [one, rows, cost, squares, products] = sums;
    let determinant = one * squares - rows * rows;
    if points.len() < 2 || determinant <= f64::EPSILON * one * squares {
        return None;
    }
    let row = (one * products - rows * cost) / determinant;
    let call = (cost - row * rows) / one;
    Some(match (row < 0.0, call < 0.0) {
        // The best line that has no such part.
        (_, true) => Fit { row: products / squares, call: 0.0 },
        (true, _) => Fit { row: 0.0, call: cost / one },
        _ => Fit { row, call },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_that_is_there() {
        let points = [1, 16, 256, 1024].map(|rows| (rows, 46.0 * rows as f64 + 1340.0));
        let found = fit(&points).expect("four points");
        assert!((found.row - 46.0).abs() < 1e-6 && (found.call - 1340.0).abs() < 1e-3, "{found:?}");
        assert_eq!(fit(&points[..1]), None);
        assert_eq!(fit(&[(5, 1.0), (5, 2.0)]), None);
        let falling = fit(&[(1, 100.0), (1000, 50.0)]).expect("two points");
        assert!(falling.row.abs() < 1e-9 && falling.call > 50.0 && falling.call < 100.0, "{falling:?}");
    }
}
