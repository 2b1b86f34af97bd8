//! Random order that a seed gives again.

/// `SplitMix64`: enough for an order, and the same on every machine.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The items in an order in which each is equally likely at each place.
    pub(super) fn shuffled<T: Copy>(&mut self, items: &[T]) -> Vec<T> {
        let mut rest = items.to_vec();
        let mut order = Vec::with_capacity(rest.len());
        while !rest.is_empty() {
            // The bias of the remainder is 2⁻⁶² for the four items that there are.
            let place = self.next() % rest.len() as u64;
            order.push(rest.swap_remove(usize::try_from(place).unwrap_or_default()));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_orders_again() {
        let orders = |seed| {
            let mut random = Random::new(seed);
            [(); 20].map(|()| random.shuffled(&[1, 2, 3, 4]))
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
    }

    #[test]
    fn an_order_has_every_item_once_and_every_item_comes_first_at_times() {
        let mut random = Random::new(1);
        let mut first = [0; 3];
        for _ in 0..300 {
            let mut order = random.shuffled(&[0_usize, 1, 2]);
            first[order[0]] += 1;
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
        assert!(first.iter().all(|&times| times > 70), "{first:?}");
    }
}
