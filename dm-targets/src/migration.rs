//! For those who come from other libraries: there → here.
//!
//! Only targets and whole devices are here; the latter need the feature `devices`. Single commands are dm-core's, whose docs
//! have a table of its own. Units are in `dm-units`.
//!
//! # From the crate `devicemapper`, 0.25 and 0.32 or later
//!
//! | there | here |
//! |---|---|
//! | `TargetLine` | [`TableLine`](crate::TableLine) of a target, or of any |
//! | `TargetTable`, `LinearDevTargetTable`, `ThinPoolDevTargetTable`, … | [`Table`](crate::Table), whose lines are checked to adjoin |
//! | `TargetTable::to_raw_table`, `from_raw_table` | `Display` and [`Table::parse_printed`](crate::Table::parse_printed); with feature `devices`, lines are loaded as they are |
//! | `TargetParams` | [`Params`](crate::Params); [`Target::check`](crate::Target::check) for what the kernel would refuse |
//! | `TargetType`, `TargetTypeBuf` | [`Target::TYPE`](crate::Target::TYPE), `&str` |
//! | `LinearTargetParams` | [`LinearTable`](crate::linear::LinearTable) |
//! | `LinearDevTargetParams` | [`AnyTable`](crate::AnyTable), which holds those of every target |
//! | `FlakeyTargetParams` | [`FlakeyTable`](crate::flakey::FlakeyTable), with a method for each feature |
//! | `FlakeyFeatureArg::CorruptBioByte`, `Direction` | [`CorruptBioByte`](crate::flakey::CorruptBioByte), [`Direction`](crate::flakey::Direction) |
//! | `ThinPoolTargetParams` | [`ThinPoolTable`](crate::thin_pool::ThinPoolTable), with a method for each feature |
//! | `ThinPoolStatus` | [`ThinPoolStatus`](crate::thin_pool::ThinPoolStatus), in words that are matched whole |
//! | `ThinPoolWorkingStatus` | [`WorkingPool`](crate::thin_pool::WorkingPool); what an old kernel does not print is `None` |
//! | `ThinPoolUsage`, `CacheDevUsage` | [`Usage`](crate::Usage) of each kind of block |
//! | `ThinPoolStatusSummary` | [`PoolMode`](crate::thin_pool::PoolMode); across targets, [`Health`](crate::Health) |
//! | `ThinPoolNoSpacePolicy` | [`PoolNoSpace`](crate::thin_pool::PoolNoSpace) |
//! | `ThinTargetParams` | [`ThinTable`](crate::thin::ThinTable), external origins too |
//! | `ThinDevId` | [`ThinDevId`](crate::thin::ThinDevId) |
//! | `ThinStatus`, `ThinDevWorkingStatus` | [`ThinStatus`](crate::thin::ThinStatus) |
//! | `message` with `create_thin …`, `delete …` | [`ThinPoolMessage`](crate::thin_pool::ThinPoolMessage) |
//! | `CacheTargetParams` | [`CacheTable`](crate::cache::CacheTable); the words that the kernel keeps as they were given stay so |
//! | `MIN_CACHE_BLOCK_SIZE`, `MAX_CACHE_BLOCK_SIZE` | checked when a [`Table`](crate::Table) is made, and named in the error |
//! | `CacheDevStatus`, `CacheDevWorkingStatus`, `CacheDevPerformance` | [`CacheStatus`](crate::cache::CacheStatus), [`WorkingCache`](crate::cache::WorkingCache) |
//! | `CacheDevMetadataMode` | [`CacheMetadataMode`](crate::cache::CacheMetadataMode) |
//! | `Device` in tables | [`Device`](crate::Device): a number or a path, as the kernel takes |
//! | `DmError` with a text about a word | [`ParseError`](crate::ParseError), [`InvalidField`](crate::InvalidField), [`TableError`](crate::TableError): what, where, and what it must be |
//!
//! Whole devices, with the feature `devices`:
//!
//! | there | here |
//! |---|---|
//! | `LinearDev`, `ThinPoolDev`, `ThinDev`, `CacheDev` | aliases of those names of `MappedDev`, which there is for every target; each call is given a `Host` instead of a `DM` |
//! | `LinearDev::setup`, `ThinPoolDev::setup`, `CacheDev::setup` | `MappedDev::setup`, which wants the same table; `open` takes any, to be compared at will |
//! | `ThinPoolDev::new`, `CacheDev::new` | `MappedDev::create`; the devices below are devices of their own, named by number |
//! | `ThinDev::new`, `setup`, `snapshot`, `destroy` | `ThinPoolDev::create_thin`, `activate`, `snapshot`, `delete`; what was done is undone when a step fails |
//! | `DmDevice::name`, `uuid`, `device`, `devnode`, `size` | `name`, `uuid`, `number`, `path`, and the length of `table` |
//! | `DmDevice::table`, which was remembered | `table`, which is read from the kernel |
//! | `DmDevice::table_load`, `suspend`, `resume` in turn | `set_table`: one call that is undone when a step fails |
//! | `DmDevice::teardown` | `remove` |
//! | `equivalent_tables`, `device_match` | `==` of tables |
//! | `LinearDev::set_name` | `rename` |
//! | `set_low_water_mark`, `error_if_no_space`, `skip_block_zeroing`, … of pools | `change`, with a function that changes the lines |
//! | `set_data_table` of pools | `set_table` of the data device, then `grow` |
//! | `set_meta_table`, `set_cache_table`, `set_origin_table` | `set_table` of that device, then `change`, with or without a change |
//! | `message` | `message`, typed both ways |
//!
//! # From the crate `devicemapper`, 0.4
//!
//! As above, and:
//!
//! | there | here |
//! |---|---|
//! | `Segment` | [`LinearTable`](crate::linear::LinearTable) in a [`TableLine`](crate::TableLine) |
//! | `ThinPoolStatus::Good`, `ThinPoolWorkingStatus` | [`WorkingPool`](crate::thin_pool::WorkingPool) and its [`PoolMode`](crate::thin_pool::PoolMode) |
//! | `ThinPoolBlockUsage` | [`Usage`](crate::Usage) |
//! | `ThinPoolDev::message` | [`ThinPoolMessage`](crate::thin_pool::ThinPoolMessage) |
//!
//! # From Docker's Go package `devicemapper`
//!
//! | there | here |
//! |---|---|
//! | `TargetLine` of `GetTable` and `GetStatus` | [`TableLine`](crate::TableLine), [`StatusLine`](crate::StatusLine) |
//! | the texts of `CreatePool`, `ReloadPool` | [`ThinPoolTable`](crate::thin_pool::ThinPoolTable) |
//! | the texts of `ActivateDevice`, `ActivateDeviceWithExternal` | [`ThinTable`](crate::thin::ThinTable) |
//! | the texts of `CreateDevice`, `CreateSnapDevice`, `DeleteDevice`, `SetTransactionID` | [`ThinPoolMessage`](crate::thin_pool::ThinPoolMessage) |
//! | `CreatePool`, `ReloadPool` as calls | `ThinPoolDev::create`, `set_table` or `change`, with the feature `devices` |
//! | `CreateDevice` and `ActivateDevice`, `CreateSnapDevice`, `DeleteDevice` as calls | `ThinPoolDev::create_thin`, `activate`, `snapshot`, `delete` |
//! | status parsed with `fmt.Sscanf` | [`ThinPoolStatus`](crate::thin_pool::ThinPoolStatus), [`ThinStatus`](crate::thin::ThinStatus) |
