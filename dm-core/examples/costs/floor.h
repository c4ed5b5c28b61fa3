/* How an ioctl of the device mapper is made by hand. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "measure.h"

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
	ioctls++;
	if (ioctl(control, command, request) < 0)
		fail("ioctl");
}

/* The kernel's encoding of device numbers, in the lower 32 bits. */
static unsigned int minor(uint64_t dev)
{
	return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

static int open_control(void)
{
	int file = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (file < 0)
		fail("/dev/mapper/control");
	return file;
}

/* Sends a command whose answer has a payload. The first time, the length of the answer is not known. */
static char *ask(unsigned long command, const char *name, unsigned int minor, unsigned int flags)
{
	struct dm_ioctl *header = (struct dm_ioctl *)buffer;

	put_header(header, name, size);
	header->version[1] = minor;
	header->flags = flags;
	call(command, buffer);
	if (header->flags & DM_BUFFER_FULL_FLAG)
		fail("the answer did not fit");
	/* The kernel treats a text that ends at the end of the buffer as truncated. */
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

/* Writes and loads a table, with params that exist as text or are printed from numbers. */
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
