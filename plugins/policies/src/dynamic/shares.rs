//! Sharing out what is to be kept.

/// Of each kind, the share of its traces to keep, so that `target` a second are kept in all: in proportion to the logarithm of its
/// rate, at most all of it. What a kind does not need goes to the others.
pub(super) fn of(rates: &[f64], target: f64) -> Vec<f64> {
    let weight = |rate: f64| rate.ln_1p();
    let mut order: Vec<usize> = (0..rates.len()).collect();
    // The rarer a kind, the more of it its weight stands for: those that are kept whole come first.
    order.sort_by(|a, b| rates[*a].total_cmp(&rates[*b]));
    let mut left = target;
    let mut weights: f64 = rates.iter().copied().map(weight).sum();
    let mut shares = vec![1.0; rates.len()];
    for (place, &kind) in order.iter().enumerate() {
        let rate = rates[kind];
        if weights <= 0.0 || left * weight(rate) / weights < rate {
            for &frequent in &order[place..] {
                shares[frequent] = (left * weight(rates[frequent]) / (weights * rates[frequent])).clamp(0.0, 1.0);
            }
            break;
        }
        left -= rate;
        weights -= weight(rate);
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rare_kinds_are_kept_and_frequent_ones_thinned() {
        let kept = |rates: &[f64], target| {
            let shares = of(rates, target);
            rates.iter().zip(shares).map(|(rate, share)| (rate * share * 10.0).round() / 10.0).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[1.0, 10.0, 1000.0], 10.0), [0.7, 2.4, 6.9]);
        assert_eq!(kept(&[1000.0, 0.1, 5.0], 100.0), [94.9, 0.1, 5.0]);
        assert_eq!(kept(&[3.0, 4.0], 100.0), [3.0, 4.0]);
        assert_eq!(kept(&[50.0, 50.0], 10.0), [5.0, 5.0]);
        assert!(of(&[], 1.0).is_empty());
    }

    proptest! {
        #[test]
        fn the_target_is_met_where_there_is_enough(
            rates in prop::collection::vec(0.01_f64..10_000.0, 1..50), target in 0.1_f64..5_000.0,
        ) {
            let shares = of(&rates, target);
            let kept: f64 = rates.iter().zip(&shares).map(|(rate, share)| rate * share).sum();
            let all: f64 = rates.iter().sum();
            prop_assert!((kept - target.min(all)).abs() < 1e-6 * all.max(1.0), "{kept} of {target}");
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
            for (a, b) in (0..rates.len()).flat_map(|a| (0..rates.len()).map(move |b| (a, b))) {
                if rates[a] < rates[b] {
                    prop_assert!(shares[a] >= shares[b] - 1e-9, "the rarer has the larger share");
                    prop_assert!(rates[a] * shares[a] <= rates[b] * shares[b] + 1e-6, "and no more traces");
                }
            }
        }
    }
}
