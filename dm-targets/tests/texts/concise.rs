//! The concise form of `dm-mod.create=`.

use dm_targets::{Concise, ConciseDevice, ConciseErrorKind, Table, TableErrorKind};

fn error(text: &str) -> String {
    text.parse::<Concise>().unwrap_err().to_string()
}

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

#[test]
fn several_devices_are_written_and_read() {
    let root = table("0 4096 linear 98:16 0\n4096 4096 linear 98:32 0");
    let devices = [
        ConciseDevice::new("dm-linear", root),
        ConciseDevice::new("home", table("0 8 striped 1 8 8:1 0")).uuid("CRYPT-1").minor(1_048_575).read_only(),
    ];
    let concise = Concise::new(devices).unwrap();
    let text = concise.to_string();
    assert_eq!(
        text,
        "dm-linear,,,rw,0 4096 linear 98:16 0,4096 4096 linear 98:32 0;home,CRYPT-1,1048575,ro,0 8 striped 1 8 8:1 0"
    );
    assert_eq!(text.parse(), Ok(concise));
}

#[test]
fn parts_can_be_surrounded_by_spaces() {
    let concise: Concise =
        "\t a , , 07 , ro ,  0   0x10 linear  8:1 0 , 16 8 linear 8:1 16 ; b,,,rw,0 8 linear 8:2 0".parse().unwrap();
    assert_eq!(concise.to_string(), "a,,7,ro,0 16 linear 8:1 0,16 8 linear 8:1 16;b,,,rw,0 8 linear 8:2 0");
}

#[test]
fn text_that_the_kernel_refuses_is_refused() {
    let line = "0 8 linear 8:1 0";
    assert_eq!(error(""), "device 1: uuid is missing");
    assert_eq!(error("a,,,rw"), "device 1: table is missing");
    assert_eq!(error(&format!("a,,,rw,{line};")), "device 2: uuid is missing");
    assert_eq!(error(&format!("a,,,rw,{line},")), "device 1: line 2: length is missing");
    assert_eq!(error(&format!("a,,,RO,{line}")), "device 1: flags must be ro or rw");
    assert_eq!(error(&format!("a,,1048576,ro,{line}")), "device 1: minor must be at most 1048575");
    let number = "must be a number, decimal, octal after 0 or hexadecimal after 0x";
    assert_eq!(error(&format!("a,,08,ro,{line}")), format!("device 1: minor {number}"));
    assert_eq!(error("a,,,ro,0 +8 linear 8:1 0"), format!("device 1: line 1: length {number}"));
    assert_eq!(error(&format!(",,,ro,{line}")), "device 1: name is missing");
    assert_eq!(
        error(&format!("a/b,,,ro,{line}")),
        "device 1: name must be other than `.`, `..` and `control`, and without a slash"
    );
    assert_eq!(error("a,,,ro,0 8 zero "), "device 1: line 1: params is missing",);
    assert_eq!(
        error("a,,,ro,0 8 error 8:1 0"),
        "device 1: line 1: target type must be crypt, delay, linear, snapshot-origin, striped or verity"
    );
    assert_eq!(error("a,,,ro,8 8 linear 8:1 0"), "device 1: line 1: must start at sector 0");
    let second = format!("a,,,rw,{line};b,,,rx,{line}").parse::<Concise>().unwrap_err();
    assert_eq!(second.device(), 2);
    assert_eq!(error(&"x".repeat(1025)), "device 1: the kernel takes at most 1024 bytes");
}

#[test]
fn errors_in_params_point_into_the_whole_text() {
    let text = "a,,,rw, 0 8 linear 8:1 0 ; b,,,rw,0 8 linear 8:1 0, 8 8 linear 8:1 x";
    let error = text.parse::<Concise>().unwrap_err();
    assert_eq!(error.to_string(), "device 2: line 2: linear table: word 2, start, must be a decimal number");
    let ConciseErrorKind::Table(table) = error.kind() else { panic!("{error}") };
    let TableErrorKind::Parse(cause) = table.kind() else { panic!("{error}") };
    assert_eq!(&text[cause.span()], "x");
    assert_eq!(cause.span().start, text.len() - 1);
}

#[test]
fn errors_do_not_show_other_devices() {
    let text = "a,,,rw,0 8 crypt aes-xts-plain64 00ff 0 8:0 0;b,,,rw, 0 8 linear 8:0 x";
    let error = text.parse::<Concise>().unwrap_err();
    let ConciseErrorKind::Table(table) = error.kind() else { panic!("{error}") };
    let TableErrorKind::Parse(cause) = table.kind() else { panic!("{error}") };
    assert_eq!(
        cause.annotate(text).to_string(),
        "linear table: word 2, start, must be a decimal number\n  8:0 x\n      ^"
    );
}

#[test]
fn devices_that_cannot_be_written_are_refused() {
    let refusal = |device| Concise::new([device]).unwrap_err().to_string();
    let linear = || table("0 8 linear 8:1 0");
    let text = "must be without commas and quotation marks, and without spaces around it";
    assert_eq!(refusal(ConciseDevice::new("a,b", linear())), format!("device 1: name {text}"));
    assert_eq!(refusal(ConciseDevice::new("a", linear()).uuid(" b")), format!("device 1: uuid {text}"));
    assert_eq!(refusal(ConciseDevice::new("a\"b", linear())), format!("device 1: name {text}"));
    let refused = refusal(ConciseDevice::new("a".repeat(128), linear()));
    assert_eq!(refused, "device 1: name must be at most 127 bytes long");
    let refused = refusal(ConciseDevice::new("a", linear()).uuid("b".repeat(129)));
    assert_eq!(refused, "device 1: uuid must be at most 128 bytes long");
    // The kernel cuts off the last byte of "à".
    let refused = refusal(ConciseDevice::new("voilà", linear()));
    assert_eq!(refused, "device 1: name contains the byte 0xa0, which is not allowed there");
    assert_eq!(refusal(ConciseDevice::new("a", linear()).minor(1 << 20)), "device 1: minor must be at most 1048575");
    let params = "must be without commas, semicolons and quotation marks, and without a space at the end";
    for path in ["/dev/a,b", "/dev/a;b", "/dev/a\"b"] {
        let device = ConciseDevice::new("a", table(&format!("0 8 linear {path} 0")));
        assert_eq!(refusal(device), format!("device 1: line 1: params {params}"));
    }
    assert_eq!(Concise::new([]).unwrap_err().to_string(), "device 1: device is missing");
    let many = vec![ConciseDevice::new("a", linear()); 257];
    assert_eq!(Concise::new(many).unwrap_err().to_string(), "device 257: the kernel takes at most 256 devices");
    let long = vec![ConciseDevice::new("a".repeat(127), linear()); 100];
    assert_eq!(Concise::new(long).unwrap_err().to_string(), "device 100: the kernel takes at most 1024 bytes");
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_or_means_itself(text in "[a,; \t0-9x]{0,12}(,|;|ro|rw| 0 8 linear 8:1 0| 8 8 delay 8:1 0 5){0,9}") {
        if let Ok(concise) = text.parse::<Concise>() {
            proptest::prop_assert_eq!(concise.to_string().parse(), Ok(concise));
        }
    }

    #[test]
    fn numbers_in_any_base_are_read(number in 1..1_u64 << 50) {
        for text in [format!("{number}"), format!("{number:#x}"), format!("0{number:o}")] {
            let concise: Concise = format!("a,,,rw,0 {text} linear 8:1 0").parse().unwrap();
            proptest::prop_assert_eq!(concise.devices()[0].table.length().0, number);
        }
    }
}
