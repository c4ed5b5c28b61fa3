/*
 * The minimum cost of a call: its ioctl by hand, in a reused buffer of exactly the right size, with the answer read in
 * place. `cargo xtask costs --whole` compares dm-core's calls with it.
 *
 * The calls are those of calls.rs and operations.rs; scene.rs makes the devices that they need.
 */
#include "floor.h"

static void version(void)
{
	struct dm_ioctl header;

	put_header(&header, "", sizeof(header));
	call(DM_VERSION, &header);
	sink = header.version[1];
}

static void open_close(void)
{
	close(open_control());
}

static void open_version(void)
{
	int before = control;

	control = open_control();
	version();
	close(control);
	control = before;
}

static void device_info(void)
{
	struct dm_ioctl header;

	put_header(&header, "costs-table", sizeof(header));
	call(DM_DEV_STATUS, &header);
	sink = header.dev;
}

static void list_devices(void)
{
	walk_list(ask(DM_LIST_DEVICES, "", 0, 0));
}

static void list_devices_uuids(void)
{
	walk_list(ask(DM_LIST_DEVICES, "", 45, DM_UUID_FLAG));
}

static void walk_table(char *payload)
{
	uint32_t count = ((struct dm_ioctl *)buffer)->target_count;
	uint64_t sum = 0;
	char *at = payload;

	while (count--) {
		struct dm_target_spec *line = (struct dm_target_spec *)at;

		sum ^= line->sector_start ^ line->length;
		sum ^= strlen(line->target_type) + strlen((char *)(line + 1));
		at = payload + line->next;
	}
	sink = sum;
}

static void table_text(void)
{
	walk_table(ask(DM_TABLE_STATUS, "costs-table", 0, DM_STATUS_TABLE_FLAG));
}

/* A handle's first call: the length of the table is not known before. */
static void first_table_text(void)
{
	size = sizeof(struct dm_ioctl) + sizeof(struct dm_target_spec) + 32;
	table_text();
}

/* The same for the lists of devices that scene.rs makes, and for the dependencies of one of them. */
static void first_list_devices(void)
{
	size = sizeof(struct dm_ioctl) + (lines + 1) * 40;
	list_devices();
}

static void first_list_devices_uuids(void)
{
	size = sizeof(struct dm_ioctl) + (lines + 1) * 112;
	list_devices_uuids();
}

static void table_status(void)
{
	walk_table(ask(DM_TABLE_STATUS, "costs-table", 0, 0));
}

static void table_deps(void)
{
	struct dm_target_deps *deps = (struct dm_target_deps *)ask(DM_TABLE_DEPS, "costs-deps", 0, 0);
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < deps->count; i++)
		sum ^= minor(deps->dev[i]);
	sink = sum;
}

static void first_table_deps(void)
{
	size = sizeof(struct dm_ioctl) + (lines + 2) * sizeof(uint64_t);
	table_deps();
}

static void list_versions(void)
{
	char *at = ask(DM_LIST_VERSIONS, "", 1, 0);
	uint64_t sum = 0;

	for (;;) {
		struct dm_target_versions *target = (struct dm_target_versions *)at;

		sum ^= strlen(target->name) ^ target->version[1];
		if (!target->next)
			break;
		at += target->next;
	}
	sink = sum;
}

static void table_load_typed(void)
{
	load("costs-load", 0, lines);
}

static void table_load_text(void)
{
	load("costs-load", 1, lines);
}

static void life(void)
{
	struct dm_ioctl header;

	put_header(&header, "costs-life", sizeof(header));
	call(DM_DEV_CREATE, &header);
	load("costs-life", 0, lines);
	put_header(&header, "costs-life", sizeof(header));
	call(DM_DEV_SUSPEND, &header);
	put_header(&header, "costs-life", sizeof(header));
	call(DM_DEV_REMOVE, &header);
}

#include "operations.h"

static const struct call calls[] = {
	{ "open", open_close },
	{ "open_version", open_version },
	{ "version", version },
	{ "device_info", device_info },
	{ "list_devices", list_devices },
	{ "first_list_devices", first_list_devices },
	{ "list_devices_uuids", list_devices_uuids },
	{ "first_list_devices_uuids", first_list_devices_uuids },
	{ "table_text", table_text },
	{ "first_table_text", first_table_text },
	{ "table_status", table_status },
	{ "table_deps", table_deps },
	{ "first_table_deps", first_table_deps },
	{ "list_versions", list_versions },
	{ "table_load_typed", table_load_typed },
	{ "table_load_text", table_load_text },
	{ "life", life },
	{ "create_remove", life },
	{ "create_remove_node", create_remove_node },
	{ "remove_open", remove_open },
	{ "remove_stack", remove_stack, create_stack },
	{ "suspend_resume_stack", suspend_resume_stack },
	{ "uses", uses },
	{ "setup_existing", setup_existing },
	{ "reload", reload },
	{ "leftovers", leftovers },
	{ "poller_open", poller_open },
	{ "poller_step", poller_step, poller_start },
	{ "thin_snapshot", thin_snapshot },
};

int main(int argc, char **argv)
{
	const struct call *call = find_call(argc, argv, calls, sizeof(calls) / sizeof(calls[0]));

	lines = strtoul(argv[2], NULL, 10);
	control = open_control();
	buffer = malloc(ROOM);
	size = ROOM;
	find_below();
	make_texts();
	/* As in whole.rs: the page faults of the program's code are not measured. */
	if (!strncmp(call->name, "first_", 6))
		call->run();
	measure(call, argv);
	return 0;
}
