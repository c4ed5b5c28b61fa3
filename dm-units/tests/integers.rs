//! Arithmetic and conversions with integers of every size.

#![expect(clippy::arithmetic_side_effects, reason = "the operators are what is tested")]

use std::panic::{UnwindSafe, catch_unwind};

use dm_units::{Bytes, DataBlocks, MetaBlocks, Sectors, iec};

fn panic_of<T>(operation: impl FnOnce() -> T + UnwindSafe) -> Option<String> {
    let payload = catch_unwind(operation).err()?;
    payload.downcast_ref::<&str>().map(ToString::to_string).or_else(|| payload.downcast_ref().cloned())
}

macro_rules! with_each_integer {
    ($unit:ident: $($integer:ident)+) => {$(
        let n: $integer = 5;
        assert_eq!($unit(17) * n, $unit(85));
        assert_eq!(&$unit(17) * &n, $unit(85));
        assert_eq!([n * $unit(17), &n * $unit(17), n * &$unit(17), &n * &$unit(17)], [$unit(85); 4]);
        assert_eq!([$unit(17) / n, &$unit(17) / n, $unit(17) / &n], [$unit(3); 3]);
        assert_eq!([$unit(17) % n, &$unit(17) % n, $unit(17) % &n], [$unit(2); 3]);
        let mut unit = $unit(17);
        unit *= n;
        unit /= &n;
        unit %= n;
        assert_eq!(unit, $unit(2));
        let zero: $integer = 0;
        let by_zero = Some(format!("attempt to divide {} by zero", stringify!($unit)));
        assert_eq!(panic_of(|| $unit(1) / zero), by_zero);
        assert_eq!(panic_of(|| $unit(1) % zero), by_zero);
        let overflow = Some(format!("attempt to multiply {} with overflow", stringify!($unit)));
        assert_eq!(panic_of(|| $unit::MAX * n), overflow);
        assert_eq!(panic_of(|| n * $unit::MAX), overflow);
    )+};
}

#[test]
fn units_are_multiplied_and_divided_by_integers_of_every_size() {
    with_each_integer!(Sectors: u8 u16 u32 u64 usize i32);
    with_each_integer!(DataBlocks: u8 u16 u32 u64 usize i32);
    with_each_integer!(MetaBlocks: u8 u16 u32 u64 usize i32);
    with_each_integer!(Bytes: u8 u16 u32 u64 u128 usize i32);
}

#[test]
fn a_negative_number_panics_and_never_wraps() {
    let (multiply, divide) = ("attempt to multiply Sectors by a number out of range", "attempt to divide Bytes by");
    assert_eq!(panic_of(|| Sectors(8) * -1).as_deref(), Some(multiply));
    assert_eq!(panic_of(|| -1 * Sectors(0)).as_deref(), Some(multiply));
    assert!(panic_of(|| Bytes(8) / -2).unwrap().starts_with(divide));
    assert!(panic_of(|| Bytes(8) % i32::MIN).unwrap().starts_with(divide));
}

#[test]
fn literals_need_no_suffix_and_results_no_annotation() {
    assert_eq!((Sectors(8) * 2).to_bytes(), Bytes(8192));
    assert_eq!((Bytes(4096) / 2 % 1000).to_sectors_ceil(), Some(Sectors(1)));
    assert_eq!((Sectors(100) / Sectors(8)).pow(2), 144);
    assert_eq!(Sectors(1) + 2 * Sectors(3), Sectors(7));
}

#[test]
fn integers_that_always_fit_convert_without_a_result() {
    assert_eq!(Sectors::from(7_u8) + Sectors::from(7_u16) + Sectors::from(7_u32), Sectors(21));
    assert_eq!(Sectors::from(u64::MAX), Sectors::MAX);
    assert_eq!(DataBlocks::from(usize::MAX), DataBlocks(usize::MAX as u64));
    assert_eq!(Bytes::from(u64::MAX), Bytes(u64::MAX.into()));
    assert_eq!(Bytes::from(u128::MAX), Bytes::MAX);
    assert_eq!(u64::from(MetaBlocks(5)), 5);
    assert_eq!(u128::from(Sectors::MAX), u64::MAX.into());
    assert_eq!(u128::from(Bytes::MAX), u128::MAX);
}

#[test]
fn integers_that_do_not_fit_are_errors() {
    assert_eq!(Sectors::try_from(-1_i64).ok(), None);
    assert_eq!(Sectors::try_from(i64::MAX), Ok(Sectors(i64::MAX.unsigned_abs())));
    assert_eq!(Sectors::try_from(u128::from(u64::MAX) + 1).ok(), None);
    assert_eq!(DataBlocks::try_from(u128::from(u64::MAX)), Ok(DataBlocks::MAX));
    assert_eq!(Bytes::try_from(-1_i32).ok(), None);
    assert_eq!(Bytes::try_from(0_isize), Ok(Bytes(0)));
    assert_eq!(u64::try_from(Bytes(1 << 64)).ok(), None);
    assert_eq!(u64::try_from(Bytes((1 << 64) - 1)), Ok(u64::MAX));
    assert_eq!(u32::try_from(Sectors(1 << 32)).ok(), None);
    assert_eq!(i64::try_from(Sectors(1 << 63)).ok(), None);
    assert_eq!(usize::try_from(MetaBlocks(9)), Ok(9));
}

#[test]
fn each_multiple_is_1024_of_the_one_before() {
    let narrow = [1, iec::KI, iec::MI, iec::GI, iec::TI, iec::PI, iec::EI];
    let wide = {
        use iec::wide::{EI, GI, KI, MI, PI, TI, YI, ZI};
        [1, KI, MI, GI, TI, PI, EI, ZI, YI]
    };
    assert!(narrow.windows(2).all(|pair| pair[1] == pair[0] * 1024));
    assert!(wide.windows(2).all(|pair| pair[1] == pair[0] * 1024));
    assert_eq!("1YiB".parse(), Ok(Bytes(iec::wide::YI)));
}
