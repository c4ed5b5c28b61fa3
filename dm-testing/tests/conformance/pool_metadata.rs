//! Pools are created only where no data is lost.

use dm_core::{RemovePolicy, Retry};
use dm_targets::devices::{DevError, PoolMetadata, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::{ThinPoolMessage, ThinPoolTable};
use dm_targets::{Table, TableLine, ThinPool};
use dm_testing::TestKernel;
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

on_both_kernels! { ["thin-pool", "thin"];
    a_new_pool_is_made_on_zeros_and_found_again,
    other_data_on_the_metadata_device_is_named_and_kept,
    only_metadata_that_are_not_used_are_erased,
}

const LENGTH: Sectors = Sectors(2048);

struct Scene<'a> {
    kernel: &'a dyn TestKernel,
    metadata: DeviceNumber,
    table: Table<ThinPool>,
}

impl<'a> Scene<'a> {
    fn new(kernel: &'a dyn TestKernel) -> Self {
        let [metadata, data] = [kernel.disk(Bytes(2 << 20)), kernel.disk(Bytes(1 << 20))];
        let params = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(0));
        let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), LENGTH, params)]).unwrap();
        Self { kernel, metadata, table }
    }

    fn create(&self) -> Result<ThinPoolDev, DevError> {
        ThinPoolDev::create_pool(&self.kernel.host(), self.kernel.name("pool"), &self.table)
    }

    fn setup(&self) -> Result<ThinPoolDev, DevError> {
        ThinPoolDev::setup_pool(&self.kernel.host(), self.kernel.name("pool"), &self.table)
    }

    fn found(&self) -> PoolMetadata {
        ThinPoolDev::metadata_on(&self.kernel.host(), self.metadata).unwrap()
    }

    fn remove(&self, pool: &ThinPoolDev) {
        let patiently = RemovePolicy::new().retry(Retry::within(std::time::Duration::from_secs(60)));
        pool.remove_with(&self.kernel.host(), patiently).unwrap();
    }
}

fn a_new_pool_is_made_on_zeros_and_found_again(kernel: &dyn TestKernel) {
    let (scene, host) = (Scene::new(kernel), kernel.host());
    assert_eq!(scene.found(), PoolMetadata::Empty);
    let pool = scene.create().unwrap();
    pool.message(&host, &ThinPoolMessage::CreateThin(ThinDevId::new(1).unwrap())).unwrap();
    pool.set_transaction_id(&host, 0, 7).unwrap();
    let again = scene.setup().unwrap();
    assert_eq!(again, pool);
    scene.remove(&pool);

    let text = "a thin pool with transaction id 7 and blocks of 128 sectors";
    assert_eq!(scene.found().to_string(), text);
    let error = scene.create().unwrap_err();
    let metadata = scene.metadata;
    let expected =
        format!("the metadata device {metadata} holds {text}; take that pool over, or erase its metadata first");
    assert_eq!(error.to_string(), expected);
    assert!(host.info(kernel.name("pool")).unwrap_err().is_not_found());
    let pool = scene.setup().unwrap();
    assert_eq!(pool.figures(&host).unwrap().transaction_id, 7);
    pool.delete_id(&host, ThinDevId::new(1).unwrap()).unwrap();
}

fn other_data_on_the_metadata_device_is_named_and_kept(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let cases: [(usize, &[u8], &str); 3] = [
        (0, b"XFSB", "an XFS file system"),
        (2, &[0; 56], "unknown data (it starts with 00 00 00 00 00 00 00 00)"),
        (7, b"", "unknown data (it starts with 00 00 00 00 00 00 00 00)"),
    ];
    for (sector, start, name) in cases {
        let mut block = [0; 4096];
        let at = sector * 512;
        block[at..at + start.len()].copy_from_slice(start);
        block[at + 511] = 1;
        kernel.write(scene.metadata, Sectors(0), &block).unwrap();
        for error in [scene.create().unwrap_err(), scene.setup().unwrap_err()] {
            assert!(matches!(&error, DevError::MetadataHolds { found, .. } if found.to_string() == name), "{error}");
            assert!(error.to_string().ends_with("; use another metadata device, or erase this one first"), "{error}");
        }
        let mut now = [0; 4096];
        kernel.read(scene.metadata, Sectors(0), &mut now).unwrap();
        assert_eq!(now, block);
    }
    ThinPoolDev::erase_metadata(&kernel.host(), scene.metadata).unwrap();
    scene.create().unwrap();
}

fn only_metadata_that_are_not_used_are_erased(kernel: &dyn TestKernel) {
    let (scene, host) = (Scene::new(kernel), kernel.host());
    let pool = scene.create().unwrap();
    let error = ThinPoolDev::erase_metadata(&host, scene.metadata).unwrap_err();
    assert!(error.is_busy(), "{error}");
    pool.set_transaction_id(&host, 0, 1).unwrap();
    scene.remove(&pool);
    ThinPoolDev::erase_metadata(&host, scene.metadata).unwrap();
    assert_eq!(scene.found(), PoolMetadata::Empty);
    assert_eq!(scene.create().unwrap().figures(&host).unwrap().transaction_id, 0);
}
