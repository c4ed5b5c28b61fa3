//! The laws of the arithmetic, for each unit.

#![expect(clippy::arithmetic_side_effects, reason = "the operators are what is tested")]

use std::panic::{UnwindSafe, catch_unwind};

use dm_units::{Bytes, DataBlocks, MetaBlocks, Sectors};
use proptest::prelude::*;

/// The message of the panic that `operation` ends in, or `None` if it returns.
fn panic_of<T>(operation: impl FnOnce() -> T + UnwindSafe) -> Option<String> {
    let payload = catch_unwind(operation).err()?;
    payload.downcast_ref::<&str>().map(ToString::to_string).or_else(|| payload.downcast_ref().cloned())
}

macro_rules! laws {
    ($module:ident, $unit:ident, $number:ident) => {
        mod $module {
            use super::*;

            const MAX: $number = $number::MAX;

            /// Numbers of any size, and many near both ends.
            fn number() -> impl Strategy<Value = $number> {
                prop_oneof![any::<$number>(), 0 as $number..20, (MAX - 20)..=MAX, any::<u32>().prop_map($number::from)]
            }

            fn unit() -> impl Strategy<Value = $unit> {
                number().prop_map($unit)
            }

            fn overflow(verb: &str) -> Option<String> {
                Some(format!("attempt to {verb} {} with overflow", stringify!($unit)))
            }

            fn by_zero() -> Option<String> {
                Some(format!("attempt to divide {} by zero", stringify!($unit)))
            }

            proptest! {
                #[test]
                fn addition_agrees_with_integers(a in unit(), b in unit(), c in unit()) {
                    prop_assert_eq!(a.checked_add(b).map(|sum| sum.0), a.0.checked_add(b.0));
                    prop_assert_eq!(a.saturating_add(b), a.checked_add(b).unwrap_or($unit::MAX));
                    match a.checked_add(b) {
                        Some(sum) => {
                            prop_assert_eq!(a + b, sum);
                            prop_assert_eq!(b + a, sum);
                            prop_assert_eq!(sum - b, a);
                        }
                        None => prop_assert_eq!(panic_of(|| a + b), overflow("add")),
                    }
                    if let Some(sum) = b.checked_add(c).and_then(|sum| a.checked_add(sum)) {
                        prop_assert_eq!((a + b) + c, sum);
                        prop_assert_eq!([a, b, c].iter().sum::<$unit>(), sum);
                        prop_assert_eq!([a, b, c].into_iter().sum::<$unit>(), sum);
                    }
                }

                #[test]
                fn subtraction_agrees_with_integers(a in unit(), b in unit()) {
                    prop_assert_eq!(a.checked_sub(b).is_some(), a >= b);
                    prop_assert_eq!(a.saturating_sub(b), a.checked_sub(b).unwrap_or($unit::ZERO));
                    match a.checked_sub(b) {
                        Some(difference) => {
                            prop_assert_eq!(a - b, difference);
                            prop_assert_eq!(difference + b, a);
                        }
                        None => prop_assert_eq!(panic_of(|| a - b), overflow("subtract")),
                    }
                }

                #[test]
                fn multiplication_agrees_with_integers(a in unit(), n in number()) {
                    prop_assert_eq!(a.checked_mul(n).map(|product| product.0), a.0.checked_mul(n));
                    prop_assert_eq!(a.saturating_mul(n), a.checked_mul(n).unwrap_or($unit::MAX));
                    match a.checked_mul(n) {
                        Some(product) => {
                            prop_assert_eq!(a * n, product);
                            prop_assert_eq!(n * a, product);
                        }
                        None => {
                            prop_assert_eq!(panic_of(|| a * n), overflow("multiply"));
                            prop_assert_eq!(panic_of(|| n * a), overflow("multiply"));
                        }
                    }
                }

                #[test]
                fn division_by_a_number(a in unit(), n in number()) {
                    prop_assert_eq!(a.checked_div(n).is_some(), n != 0);
                    prop_assert_eq!(a.checked_rem(n).is_some(), n != 0);
                    if n == 0 {
                        prop_assert_eq!(panic_of(|| a / n), by_zero());
                        prop_assert_eq!(panic_of(|| a % n), by_zero());
                    } else {
                        prop_assert_eq!(a / n * n + a % n, a);
                        prop_assert!((a % n).0 < n);
                        prop_assert_eq!(a.checked_div(n), Some(a / n));
                        prop_assert_eq!(a.checked_rem(n), Some(a % n));
                    }
                }

                #[test]
                fn division_by_a_unit(a in unit(), b in unit()) {
                    prop_assert_eq!(a.checked_div_unit(b).is_some(), b != $unit::ZERO);
                    prop_assert_eq!(a.checked_rem_unit(b).is_some(), b != $unit::ZERO);
                    if b == $unit::ZERO {
                        prop_assert_eq!(panic_of(|| a / b), by_zero());
                        prop_assert_eq!(panic_of(|| a % b), by_zero());
                    } else {
                        prop_assert_eq!(a / b * b + a % b, a);
                        prop_assert!(a % b < b);
                        prop_assert_eq!(a.checked_div_unit(b), Some(a / b));
                        prop_assert_eq!(a.checked_rem_unit(b), Some(a % b));
                    }
                }

                #[test]
                fn alignment_agrees_with_the_remainder(a in unit(), size in unit()) {
                    let multiple = if size.0 == 0 { a.0 == 0 } else { a.0 % size.0 == 0 };
                    prop_assert_eq!(a.is_multiple_of(size), multiple);
                    match a.align_down(size) {
                        None => prop_assert_eq!(size, $unit::ZERO),
                        Some(down) => {
                            prop_assert!(down.is_multiple_of(size));
                            prop_assert!(down <= a && a - down < size);
                            let up = if down == a { Some(a) } else { down.checked_add(size) };
                            prop_assert_eq!(a.align_up(size), up);
                        }
                    }
                    if size == $unit::ZERO {
                        prop_assert_eq!(a.align_up(size), None);
                    }
                }
            }

            #[test]
            fn operators_accept_references() {
                let (a, b, n) = ($unit(17), $unit(5), 5);
                assert_eq!([&a + &b, &a + b, a + &b], [a + b; 3]);
                assert_eq!([&a - &b, &a - b, a - &b], [a - b; 3]);
                assert_eq!([&a * &n, &a * n, a * &n, &n * &a, &n * a, n * &a], [a * n; 6]);
                assert_eq!([&a / &n, &a / n, a / &n], [a / n; 3]);
                assert_eq!([&a / &b, &a / b, a / &b], [a / b; 3]);
                assert_eq!([&a % &n, &a % n, a % &n], [a % n; 3]);
                assert_eq!([&a % &b, &a % b, a % &b], [a % b; 3]);
            }

            #[test]
            fn assignment_operators_change_the_unit() {
                let mut unit = $unit(17);
                unit += $unit(3);
                assert_eq!(unit, $unit(20));
                unit -= &$unit(8);
                assert_eq!(unit, $unit(12));
                unit *= 4;
                assert_eq!(unit, $unit(48));
                unit /= &5;
                assert_eq!(unit, $unit(9));
                unit %= 5;
                assert_eq!(unit, $unit(4));
                unit %= $unit(3);
                assert_eq!(unit, $unit(1));
                assert_eq!(panic_of(move || unit -= $unit(2)), overflow("subtract"));
            }

            #[test]
            fn a_sum_that_overflows_panics() {
                assert_eq!(panic_of(|| [$unit::MAX, $unit(1)].into_iter().sum::<$unit>()), overflow("add"));
                assert_eq!([$unit::ZERO; 0].iter().sum::<$unit>(), $unit::ZERO);
            }
        }
    };
}

laws!(sectors, Sectors, u64);
laws!(bytes, Bytes, u128);
laws!(data_blocks, DataBlocks, u64);
laws!(meta_blocks, MetaBlocks, u64);

#[test]
fn a_panic_names_the_line_of_the_operator() {
    use std::panic;
    use std::sync::mpsc;

    let (place, places) = mpsc::channel();
    let this_thread = std::thread::current().id();
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == this_thread {
            place.send(info.location().map(|location| (location.file().to_string(), location.line()))).unwrap();
        } else {
            others(info);
        }
    }));
    let (_, line) = (catch_unwind(|| Sectors(1) - Sectors(2)), line!());
    drop(panic::take_hook());
    assert_eq!(places.recv().unwrap(), Some((file!().to_string(), line)));
}

#[test]
fn everything_checked_is_const() {
    const SUM: Option<Sectors> = Sectors(1).checked_add(Sectors(2));
    const REST: Option<Bytes> = Bytes(10).checked_rem_unit(Bytes(4));
    const ALIGNED: Option<Sectors> = Sectors(9).align_up(Sectors(8));
    assert_eq!((SUM, REST, ALIGNED), (Some(Sectors(3)), Some(Bytes(2)), Some(Sectors(16))));
}
