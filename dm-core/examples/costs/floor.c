/*
 * The least that a call can take: its ioctl by hand, in a buffer of just the right size that is used over and over, with the
 * answer walked in place. What dm-core's calls take is compared with this: see `cargo xtask costs --whole`.
 *
 *     floor CALL SIZE COUNT ROUNDS
 *
 * makes the call COUNT times in each round, with tables or lists of SIZE entries, and prints how much processor time each
 * round took, in nanoseconds. The calls are those of calls.rs, and the devices that they need those of whole.rs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define ROOM (64 << 20)
#define LINE_LENGTH 8

struct text {
	char *bytes;
	size_t length;
};

static int control;
static size_t lines;
static unsigned int below_major, below_minor;
static struct text *texts;

/* The request and its answer. */
static char *buffer;
static size_t size;

/* What an answer says has to be used for something. */
static volatile uint64_t sink;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void put_header(struct dm_ioctl *header, const char *name, size_t data_size)
{
	memset(header, 0, sizeof(*header));
	header->version[0] = DM_VERSION_MAJOR;
	header->data_size = data_size;
	header->data_start = sizeof(*header);
	strcpy(header->name, name);
}

static void call(unsigned long command, void *request)
{
	if (ioctl(control, command, request) < 0)
		fail("ioctl");
}

/* As the kernel encodes numbers, in the lower half. */
static unsigned int minor(uint64_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

static void version(void)
{
	struct dm_ioctl header;

	put_header(&header, "", sizeof(header));
	call(DM_VERSION, &header);
	sink = header.version[1];
}

static int open_control(void)
{
	int file = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (file < 0)
		fail("/dev/mapper/control");
	return file;
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

/* Asks for what is answered with a payload. The first time, to see how long the answer is. */
static char *ask(unsigned long command, const char *name, unsigned int minor, unsigned int flags)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;

	put_header(header, name, size);
	header->version[1] = minor;
	header->flags = flags;
	call(command, buffer);
	if (header->flags & DM_BUFFER_FULL_FLAG)
		fail("the answer did not fit");
	/* The kernel takes a text for cut that ends where the buffer does. */
	size = header->data_size + 8;
	return buffer + header->data_start;
}

static void walk_list(char *at)
{
	uint64_t sum = 0;

	for (;;) {
		struct dm_name_list *device = (struct dm_name_list *)at;
		size_t length = strlen(device->name);
		uint32_t *trailer = (uint32_t *)(((uintptr_t)device->name + length + 1 + 7) & ~(uintptr_t)7);

		sum ^= length ^ minor(device->dev) ^ trailer[0];
		if (trailer[1] & DM_NAME_LIST_FLAG_HAS_UUID)
			sum ^= strlen((char *)(trailer + 2));
		if (!device->next)
			break;
		at += device->next;
	}
	sink = sum;
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

/* A process's first call: that a short table is short has to be known. */
static void first_table_text(void)
{
	size = sizeof(struct dm_ioctl) + sizeof(struct dm_target_spec) + 32;
	table_text();
}

/* The same for lists of devices as whole.rs names them, and for what one of them uses. */
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

static char *put_number(char *at, uint64_t number)
{
	char digits[20];
	int count = 0;

	do {
		digits[count++] = '0' + number % 10;
		number /= 10;
	} while (number);
	while (count)
		*at++ = digits[--count];
	return at;
}

static char *put_params(char *at, uint64_t start)
{
	at = put_number(at, below_major);
	*at++ = ':';
	at = put_number(at, below_minor);
	*at++ = ' ';
	at = put_number(at, start);
	return at;
}

/* Writes and loads a table, of text that is there or of numbers. */
static void load(const char *name, int is_text, size_t count)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;
	char *at = buffer + sizeof(*header);
	size_t i;

	for (i = 0; i < count; i++) {
		struct dm_target_spec *line = (struct dm_target_spec *)at;
		char *end = (char *)(line + 1);

		line->sector_start = i * LINE_LENGTH;
		line->length = LINE_LENGTH;
		line->status = 0;
		memcpy(line->target_type, "linear\0\0\0\0\0\0\0\0\0", DM_MAX_TYPE_NAME);
		if (is_text) {
			memcpy(end, texts[i].bytes, texts[i].length);
			end += texts[i].length;
		} else {
			end = put_params(end, i * LINE_LENGTH);
		}
		*end++ = '\0';
		end += -(uintptr_t)end & 7;
		line->next = end - at;
		at = end;
	}
	put_header(header, name, at - buffer);
	header->target_count = count;
	call(DM_TABLE_LOAD, buffer);
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

static const struct {
	const char *name;
	void (*run)(void);
} calls[] = {
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
};

static void find_below(void)
{
	struct dm_ioctl header;

	put_header(&header, "costs-below", sizeof(header));
	call(DM_DEV_STATUS, &header);
	below_major = (header.dev >> 8) & 0xfff;
	below_minor = minor(header.dev);
}

static void make_texts(void)
{
	char text[64];
	size_t i;

	texts = calloc(lines, sizeof(*texts));
	for (i = 0; i < lines; i++) {
		texts[i].length = put_params(text, i * LINE_LENGTH) - text;
		texts[i].bytes = malloc(texts[i].length);
		memcpy(texts[i].bytes, text, texts[i].length);
	}
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static uint64_t round_of(void (*run)(void), int count)
{
	uint64_t start = now();

	while (count--)
		run();
	return now() - start;
}

int main(int argc, char **argv)
{
	size_t i;
	int rounds;

	if (argc != 5) {
		fprintf(stderr, "usage: floor CALL SIZE COUNT ROUNDS\n");
		return 2;
	}
	lines = strtoul(argv[2], NULL, 10);
	control = open_control();
	buffer = malloc(ROOM);
	size = ROOM;
	find_below();
	make_texts();
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, argv[1]))
			continue;
		for (rounds = atoi(argv[4]); rounds > 0; rounds--)
			printf("%llu\n", (unsigned long long)round_of(calls[i].run, atoi(argv[3])));
		return 0;
	}
	fprintf(stderr, "no call %s\n", argv[1]);
	return 2;
}
