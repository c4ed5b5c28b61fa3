use super::*;
use crate::{Params, ParseError};

fn refusal<P: Params>(parsed: Result<P, ParseError>) -> String {
    parsed.unwrap_err().to_string()
}

#[test]
fn older_grammars_are_read() {
    let v0 = Vdo::parse_table("/dev/a 4096 disabled 0 32768 16380 on auto pool cpu=2,logical=3,new=7").unwrap();
    let v1 =
        Vdo::parse_table("V1 /dev/a 2097152 4096 disabled 0 32768 16380 on auto pool cpu=2,logical=3,new=7").unwrap();
    let v2 = Vdo::parse_table("V2 /dev/a 2097152 4096 32768 16380 on auto pool cpu 2 logical 3 new 7").unwrap();
    let v3 = Vdo::parse_table("V3 /dev/a 2097152 4096 32768 16380 auto cpu 2 logical 3 new 7").unwrap();
    let v4 = Vdo::parse_table("V4 /dev/a 2097152 4096 32768 16380 cpu 2 logical 3 new 7").unwrap();
    for (table, version) in [
        (&v0, VdoVersion::V0),
        (&v1, VdoVersion::V1),
        (&v2, VdoVersion::V2),
        (&v3, VdoVersion::V3),
        (&v4, VdoVersion::V4),
    ] {
        assert_eq!(table.version(), version);
        assert_eq!(table.options, v4.options, "{version:?}");
        assert_eq!((table.cache_blocks, table.era_length), (32768, 16380), "{version:?}");
    }
    assert_eq!(v0.physical_blocks.0, 0);
    assert_eq!(v1.physical_blocks.0, 2_097_152);
    assert_eq!(v4.options.logical, Some(3));

    let dot = Vdo::parse_table("a 512 x x 1 2 x x x .").unwrap();
    assert_eq!(dot.options, VdoOptions::default());
    assert_eq!(format!("{dot:#}"), "a 512 x x 1 2 x x x .");
    assert_eq!(dot.to_string(), "a 512 0 0 1 2 0 0 0 .");
}

#[test]
fn tables_with_the_wrong_number_of_words_are_refused() {
    let table = |text| refusal(Vdo::parse_table(text));
    assert_eq!(table("a 512 x x 1 2 x x x"), "vdo table: word 10, thread configuration, is missing");
    assert_eq!(table("a 512 x x 1 2 x x x . x"), "vdo table: word 11 is one word too many");
    assert_eq!(table("V4 a 9 512 1"), "vdo table: word 6, block map maximum age, is missing");
    assert_eq!(table("V5 a 9 512 1 2"), "vdo table: word 1, version, must be V1 to V4");
    assert_eq!(table("V0 a 512 x x 1 2 x x x ."), "vdo table: word 1, version, must be V1 to V4");
    assert_eq!(table("v4 a 9 512 1 2"), "vdo table: word 2, logical block size, must be 512 or 4096");
    assert_eq!(format!("{:#}", Vdo::parse_table("V4abc a 9 512 1 2").unwrap()), "V4abc a 9 512 1 2");
}

#[test]
fn malformed_options_are_refused() {
    let table = |options: &str| refusal(Vdo::parse_table(&format!("V4 a 9 512 1 2 {options}")));
    assert_eq!(table("cpu 0"), "vdo table: word 8, cpu, must be from 1 to 100");
    assert_eq!(table("cpu"), "vdo table: word 7, cpu, must be followed by a value");
    assert_eq!(table("compression ON"), "vdo table: word 8, compression, must be on or off");
    assert_eq!(table("slabSize 10000"), "vdo table: word 8, slabSize, must be a power of two");
    assert_eq!(table("new"), "vdo table: word 7, optional argument, must be followed by a value");
    let threads = |list: &str| refusal(Vdo::parse_table(&format!("a 512 x x 1 2 x x x {list}")));
    assert_eq!(
        threads("cpu"),
        "vdo table: word 10, thread configuration, must be a list such as cpu=2,bio=4, or a dot"
    );
    assert_eq!(threads("cpu=0"), "vdo table: word 10, thread configuration, must be from 1 to 100");
}

#[test]
fn a_table_is_printed_as_it_was_given_until_it_is_changed() {
    let text = "V4 /dev/vdi 2097152 512 32768 16380 nokey 5 ack 02 deduplication off ack 3 indexMemory 0.5";
    let mut table = Vdo::parse_table(text).unwrap();
    assert_eq!(format!("{table:#}"), text);
    assert_eq!(table.options.ack, Some(3), "the last one counts");
    table.options.other.clear();
    let printed = "V4 /dev/vdi 2097152 512 32768 16380 ack 3 deduplication off indexMemory 0.50";
    assert_eq!([table.to_string(), format!("{table:#}")], [printed, printed]);
}

#[test]
fn threads_and_sizes_must_match() {
    let check = |options: &str, length| {
        let table = Vdo::parse_table(&format!("V4 a 9 512 8192 2 {options}")).unwrap();
        Vdo::check(&table, Sectors(length)).map_err(|error| error.to_string())
    };
    assert_eq!(check("", 8), Ok(()));
    assert_eq!(check("", 12), Err("length must be a multiple of 8".to_owned()));
    assert_eq!(check("hash 1 logical 2 physical 1", 8), Ok(()));
    let error = Err("logical, physical and hash must be all 0 or all at least 1".to_owned());
    assert_eq!(check("hash 1 logical 2", 8), error);
    let error = check("hash 1 logical 3 physical 1", 8);
    assert_eq!(error, Err("block map page cache size must be from 12288 to 4294967295".to_owned()));
}

#[test]
fn sizes_that_no_volume_accepts_are_refused() {
    let check =
        |text: &str| Vdo::check(&Vdo::parse_table(text).unwrap(), Sectors(8)).map_err(|error| error.to_string());
    assert_eq!(check("V4 a 9 512 1 1 indexMemory 1024"), Ok(()));
    assert_eq!(check("V4 a 9 512 1 1 indexMemory 1"), Ok(()));
    assert_eq!(check("V4 a 9 512 1 1 indexMemory 0"), Err("indexMemory must be from 1 to 1024".to_owned()));
    let error = Err("block map page cache size must be from 1 to 4294967295".to_owned());
    assert_eq!(check("V4 a 9 512 0 1"), error);
    assert_eq!(check("V4 a 9 512 1 0"), Err("block map maximum age must be from 1 to 4294967295".to_owned()));

    let text = "V4 a 9 512 1 1 indexMemory 1025";
    assert_eq!(refusal(Vdo::parse_table(text)), "vdo table: word 8, indexMemory, must be at most 1024");
    let table = Vdo::parse_table("V4 a 9 512 1 1").unwrap().index_memory(VdoIndexMemory::Gib(1025));
    let error = Vdo::check(&table, Sectors(8)).unwrap_err();
    assert_eq!(error.to_string(), "indexMemory must be at most 1024");
}

#[test]
fn unknown_entries_of_a_reply_are_kept() {
    let text = "{ version : 2, physicalSize : 4096, logicalSize : 8192, slabSize : 8192, \
                index :  { memorySize : 3, isSparse : 1, new : x, }, more : { a : { b : 1, }, c : 2, }, }";
    let VdoReply::Config(config) = Vdo::parse_reply(&VdoMessage::Config, text).unwrap() else { panic!() };
    assert_eq!(config.index.memory_size, VdoIndexMemory::Gib(3));
    assert!(config.index.is_sparse);
    assert_eq!(config.index.other.len(), 3);
    assert_eq!(config.other.len(), 14);
    assert_eq!(config.to_string(), text);
}

#[test]
fn truncated_replies_are_refused() {
    let reply = |text| refusal(Vdo::parse_reply(&VdoMessage::Config, text));
    assert_eq!(reply("{ version : 1, physical"), "vdo reply: word 6, colon, is missing");
    assert_eq!(reply("{ version : 1, }"), "vdo reply: word 5, physicalSize, is missing");
    assert_eq!(reply("{ version : 1"), "vdo reply: word 4, version, must be a value followed by a comma");
    assert_eq!(reply("{ new : { a : 1,"), "vdo reply: word 8, entry, is missing");
    assert_eq!(reply("{ version : x, }"), "vdo reply: word 4, version, must be a decimal number");
}

#[test]
fn replies_are_recognized_without_their_message() {
    let config = "{ version : 1, physicalSize : 4096, logicalSize : 8192, slabSize : 8192, \
                  index :  { memorySize : 0.25, isSparse : 0, }, }";
    assert!(matches!(VdoReply::parse(&mut crate::Fields::printed(config)), Ok(VdoReply::Config(_))));
    assert!(matches!(VdoReply::parse(&mut crate::Fields::printed("")), Ok(VdoReply::Nothing(_))));
    let error = VdoReply::parse(&mut crate::Fields::printed("{ version : 36, dataBlocksUsed : 0, }")).unwrap_err();
    assert_eq!(error.field(), "overheadBlocksUsed");
}

#[test]
fn messages_are_read_in_any_case() {
    assert_eq!(Vdo::parse_message("Index-Close"), Ok(VdoMessage::IndexClose));
    assert_eq!(Vdo::parse_message("dump ALL queues").unwrap().to_string(), "dump all queues");
    assert_eq!(Vdo::parse_message("Compression ON"), Ok(VdoMessage::Compression(true)));
    assert_eq!(Vdo::parse_message("compression oFF"), Ok(VdoMessage::Compression(false)));
    assert_eq!(refusal(Vdo::parse_message("compression maybe")), "vdo message: word 2, compression, must be on or off");
    assert_eq!(refusal(Vdo::parse_message("stats now")), "vdo message: word 2 is one word too many");
    let message = VdoMessage::Compression(true);
    assert!(matches!(Vdo::parse_reply(&message, ""), Ok(VdoReply::Nothing(_))));
}
