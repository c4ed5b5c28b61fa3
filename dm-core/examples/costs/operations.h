/* The minimum cost of operations of several commands, for a caller who knows the devices and needs no undo. */

#define TOP "costs-top"
#define LOW "costs-low"
#define SECTORS 64

static void send(unsigned long command, const char *name, unsigned int flags)
{
	struct dm_ioctl header;

	put_header(&header, name, sizeof(header));
	header.flags = flags;
	call(command, &header);
}

/* Loads a table with one line. */
static void load_line(const char *name, const char *type, const char *params)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;
	struct dm_target_spec *line = (struct dm_target_spec *)(header + 1);
	size_t length = sizeof(*header) + sizeof(*line) + ((strlen(params) + 8) & ~(size_t)7);

	put_header(header, name, length);
	header->target_count = 1;
	memset(line, 0, length - sizeof(*header));
	line->length = SECTORS;
	strcpy(line->target_type, type);
	strcpy((char *)(line + 1), params);
	call(DM_TABLE_LOAD, buffer);
}

static void message(const char *name, const char *text)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;
	struct dm_target_msg *message = (struct dm_target_msg *)(header + 1);

	put_header(header, name, sizeof(*header) + sizeof(*message) + strlen(text) + 1);
	message->sector = 0;
	strcpy(message->message, text);
	call(DM_TARGET_MSG, buffer);
}

static void device_number(const char *name, char *text)
{
	struct dm_ioctl header;

	put_header(&header, name, sizeof(header));
	call(DM_DEV_STATUS, &header);
	sprintf(text, "%u:%u", (unsigned int)(header.dev >> 8) & 0xfff, minor(header.dev));
}

/* With the link in /dev/mapper. */
static void create_remove_node(void)
{
	struct dm_ioctl header;
	char target[32];

	send(DM_DEV_CREATE, "costs-life", 0);
	load("costs-life", 0, lines);
	put_header(&header, "costs-life", sizeof(header));
	call(DM_DEV_SUSPEND, &header);
	sprintf(target, "../dm-%u", minor(header.dev));
	if (symlink(target, "/dev/mapper/costs-life") < 0)
		fail("/dev/mapper/costs-life");
	send(DM_DEV_REMOVE, "costs-life", 0);
	unlink("/dev/mapper/costs-life");
}

static void remove_open(void)
{
	struct dm_ioctl header;

	put_header(&header, LOW, sizeof(header));
	ioctls++;
	if (!ioctl(control, DM_DEV_REMOVE, &header))
		fail("a device that is open was removed");
}

static void create_stack(void)
{
	char below[40];

	send(DM_DEV_CREATE, "costs-stack-low", 0);
	load_line("costs-stack-low", "zero", "");
	send(DM_DEV_SUSPEND, "costs-stack-low", 0);
	device_number("costs-stack-low", below);
	strcat(below, " 0");
	send(DM_DEV_CREATE, "costs-stack-top", 0);
	load_line("costs-stack-top", "linear", below);
	send(DM_DEV_SUSPEND, "costs-stack-top", 0);
}

static void remove_stack(void)
{
	send(DM_DEV_REMOVE, "costs-stack-top", 0);
	send(DM_DEV_REMOVE, "costs-stack-low", 0);
}

static void suspend_resume_stack(void)
{
	send(DM_DEV_SUSPEND, TOP, DM_SUSPEND_FLAG);
	send(DM_DEV_SUSPEND, LOW, DM_SUSPEND_FLAG);
	send(DM_DEV_SUSPEND, LOW, 0);
	send(DM_DEV_SUSPEND, TOP, 0);
}

/* Queries each device of the stack. */
static void uses(void)
{
	size = sizeof(struct dm_ioctl) + 2 * sizeof(uint64_t);
	sink = ((struct dm_target_deps *)ask(DM_TABLE_DEPS, TOP, 0, 0))->dev[0];
	sink = ((struct dm_target_deps *)ask(DM_TABLE_DEPS, LOW, 0, 0))->count;
}

static void setup_existing(void)
{
	send(DM_DEV_STATUS, LOW, 0);
	walk_table(ask(DM_TABLE_STATUS, LOW, 0, DM_STATUS_TABLE_FLAG));
}

static void reload(void)
{
	load("costs-reload", 0, lines);
	send(DM_DEV_SUSPEND, "costs-reload", DM_SUSPEND_FLAG);
	send(DM_DEV_SUSPEND, "costs-reload", 0);
}

/* The kernel filters by the prefix. Even for an empty list it requires space for a device number. */
static void leftovers(void)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;

	put_header(header, "nobody-has-this", sizeof(*header) + sizeof(struct dm_name_list));
	header->version[1] = 45;
	call(DM_LIST_DEVICES, buffer);
	sink = header->data_size;
}

static char *list_before;
static size_t list_length;

static void poller_step(void)
{
	char *list;

	send(DM_DEV_ARM_POLL, "", 0);
	list = ask(DM_LIST_DEVICES, "", 45, DM_UUID_FLAG);
	sink = list_length == size && !memcmp(list, list_before, size - 8 - sizeof(struct dm_ioctl));
}

/* Keeps the list, for the comparison with the next one. */
static void poller_start(void)
{
	if (list_before)
		return;
	list_before = malloc(ROOM);
	poller_step();
	list_length = size;
	memcpy(list_before, buffer + sizeof(struct dm_ioctl), size);
}

static void poller_open(void)
{
	int before = control;

	size = sizeof(struct dm_ioctl) + (lines + 1) * 112;
	control = open_control();
	send(DM_DEV_ARM_POLL, "", 0);
	list_devices_uuids();
	close(control);
	control = before;
}

static void thin_snapshot(void)
{
	static char params[40];

	if (!params[0]) {
		device_number("costs-pool", params);
		strcat(params, " 1");
	}
	send(DM_DEV_SUSPEND, "costs-thin", DM_SUSPEND_FLAG);
	message("costs-pool", "create_snap 1 0");
	send(DM_DEV_SUSPEND, "costs-thin", 0);
	send(DM_DEV_CREATE, "costs-snapshot", 0);
	load_line("costs-snapshot", "thin", params);
	send(DM_DEV_SUSPEND, "costs-snapshot", 0);
	send(DM_DEV_REMOVE, "costs-snapshot", 0);
	message("costs-pool", "delete 1");
}
