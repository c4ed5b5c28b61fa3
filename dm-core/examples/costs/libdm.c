/*
 * The calls of floor.c through libdevmapper, as a program that uses it makes them, except those that it does not have.
 * Without udev, libdevmapper makes and removes nodes itself.
 */
#define _GNU_SOURCE
#include <libdevmapper.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measure.h"

#define LINE_LENGTH 8
#define SECTORS 64

static size_t lines;
static char below[32], pool[32];
static struct dm_info top;

/* Replaces the function of the C library, so that libdevmapper's ioctls are counted. */
int ioctl(int file, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	ioctls++;
	return syscall(SYS_ioctl, file, request, argument);
}

/* Errors are reported by the calls. */
static void no_log(int level, const char *file, int line, int error, const char *format, ...)
{
	(void)level, (void)file, (void)line, (void)error, (void)format;
}

static struct dm_task *task(int type, const char *name)
{
	struct dm_task *task = dm_task_create(type);

	if (!task || (name && !dm_task_set_name(task, name)))
		fail("a task");
	return task;
}

static struct dm_task *run(struct dm_task *task)
{
	if (!dm_task_run(task))
		fail("libdevmapper");
	return task;
}

static void send(int type, const char *name)
{
	dm_task_destroy(run(task(type, name)));
}

static struct dm_info info(const char *name)
{
	struct dm_task *asked = run(task(DM_DEVICE_INFO, name));
	struct dm_info info;

	if (!dm_task_get_info(asked, &info) || !info.exists)
		fail(name);
	dm_task_destroy(asked);
	return info;
}

static void number(const char *name, char *text)
{
	struct dm_info found = info(name);

	sprintf(text, "%u:%u", found.major, found.minor);
}

/* Sends a task with a table of one line. */
static void send_line(int type, const char *name, const char *target, const char *params)
{
	struct dm_task *load = task(type, name);

	if (!dm_task_add_target(load, 0, SECTORS, target, params))
		fail(target);
	dm_task_destroy(run(load));
}

static void send_lines(int type, const char *name)
{
	struct dm_task *load = task(type, name);
	char params[64];
	size_t i;

	for (i = 0; i < lines; i++) {
		snprintf(params, sizeof(params), "%s %zu", below, i * LINE_LENGTH);
		if (!dm_task_add_target(load, i * LINE_LENGTH, LINE_LENGTH, "linear", params))
			fail(params);
	}
	dm_task_destroy(run(load));
}

static void message(const char *name, const char *text)
{
	struct dm_task *sent = task(DM_DEVICE_TARGET_MSG, name);

	if (!dm_task_set_sector(sent, 0) || !dm_task_set_message(sent, text))
		fail(text);
	dm_task_destroy(run(sent));
}

static void version(void)
{
	char text[64];

	if (!dm_driver_version(text, sizeof(text)))
		fail("a version");
	sink = text[0];
}

static void open_version(void)
{
	dm_lib_release();
	version();
}

static void device_info(void)
{
	sink = info("costs-table").minor;
}

static void list_devices(void)
{
	struct dm_task *list = run(task(DM_DEVICE_LIST, NULL));
	struct dm_names *device = dm_task_get_names(list);
	uint64_t sum = 0;

	while (device && device->dev) {
		sum ^= strlen(device->name) ^ device->dev;
		if (!device->next)
			break;
		device = (struct dm_names *)((char *)device + device->next);
	}
	sink = sum;
	dm_task_destroy(list);
}

static void read_table(int type, const char *name)
{
	struct dm_task *table = run(task(type, name));
	uint64_t start, length, sum = 0;
	char *target, *params;
	void *next = NULL;

	do {
		next = dm_get_next_target(table, next, &start, &length, &target, &params);
		if (target)
			sum ^= start ^ length ^ (strlen(target) + strlen(params));
	} while (next);
	sink = sum;
	dm_task_destroy(table);
}

static void table_text(void)
{
	read_table(DM_DEVICE_TABLE, "costs-table");
}

static void table_status(void)
{
	read_table(DM_DEVICE_STATUS, "costs-table");
}

static void table_deps(void)
{
	struct dm_task *asked = run(task(DM_DEVICE_DEPS, "costs-deps"));
	struct dm_deps *deps = dm_task_get_deps(asked);
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < deps->count; i++)
		sum ^= deps->device[i];
	sink = sum;
	dm_task_destroy(asked);
}

static void list_versions(void)
{
	struct dm_task *asked = run(task(DM_DEVICE_LIST_VERSIONS, NULL));
	struct dm_versions *target = dm_task_get_versions(asked);
	uint64_t sum = 0;

	for (;;) {
		sum ^= strlen(target->name) ^ target->version[1];
		if (!target->next)
			break;
		target = (struct dm_versions *)((char *)target + target->next);
	}
	sink = sum;
	dm_task_destroy(asked);
}

static void table_load(void)
{
	send_lines(DM_DEVICE_RELOAD, "costs-load");
}

/* Creating with a table includes creating, loading and resuming. */
static void create_remove_node(void)
{
	send_lines(DM_DEVICE_CREATE, "costs-life");
	send(DM_DEVICE_REMOVE, "costs-life");
}

static void remove_open(void)
{
	struct dm_task *removal = task(DM_DEVICE_REMOVE, "costs-low");

	if (dm_task_run(removal))
		fail("a device that is open was removed");
	dm_task_destroy(removal);
}

/* The devices that one uses, down to the disks. */
static struct dm_tree *tree(const struct dm_info *device)
{
	struct dm_tree *tree = dm_tree_create();

	if (!tree || !dm_tree_add_dev(tree, device->major, device->minor))
		fail("a tree");
	return tree;
}

static void uses(void)
{
	struct dm_tree *found = tree(&top);
	struct dm_tree_node *node = dm_tree_find_node(found, top.major, top.minor);

	sink = dm_tree_node_num_children(node, 0);
	dm_tree_free(found);
}

static void suspend_resume_stack(void)
{
	struct dm_tree *stack = tree(&top);

	if (!dm_tree_suspend_children(dm_tree_find_node(stack, 0, 0), NULL, 0))
		fail("suspend");
	dm_tree_free(stack);
	stack = tree(&top);
	if (!dm_tree_activate_children(dm_tree_find_node(stack, 0, 0), NULL, 0))
		fail("resume");
	dm_tree_free(stack);
}

static struct dm_info created;

static void create_stack(void)
{
	char params[40];

	send_line(DM_DEVICE_CREATE, "costs-stack-low", "zero", "");
	number("costs-stack-low", params);
	strcat(params, " 0");
	send_line(DM_DEVICE_CREATE, "costs-stack-top", "linear", params);
	created = info("costs-stack-top");
}

static void remove_stack(void)
{
	struct dm_tree *stack = tree(&created);

	if (!dm_tree_deactivate_children(dm_tree_find_node(stack, 0, 0), NULL, 0))
		fail("remove");
	dm_tree_free(stack);
}

static void reload(void)
{
	send_lines(DM_DEVICE_RELOAD, "costs-reload");
	send(DM_DEVICE_SUSPEND, "costs-reload");
	send(DM_DEVICE_RESUME, "costs-reload");
}

static void poller_step(void)
{
	send(DM_DEVICE_ARM_POLL, NULL);
	list_devices();
}

static void thin_snapshot(void)
{
	send(DM_DEVICE_SUSPEND, "costs-thin");
	message("costs-pool", "create_snap 1 0");
	send(DM_DEVICE_RESUME, "costs-thin");
	send_line(DM_DEVICE_CREATE, "costs-snapshot", "thin", pool);
	send(DM_DEVICE_REMOVE, "costs-snapshot");
	message("costs-pool", "delete 1");
}

static void find_stack(void)
{
	top = info("costs-top");
}

static void find_pool(void)
{
	number("costs-pool", pool);
	strcat(pool, " 1");
}

static const struct call calls[] = {
	{ "open_version", open_version },
	{ "version", version },
	{ "device_info", device_info },
	{ "list_devices", list_devices },
	{ "first_list_devices", list_devices },
	{ "table_text", table_text },
	{ "first_table_text", table_text },
	{ "table_status", table_status },
	{ "table_deps", table_deps },
	{ "first_table_deps", table_deps },
	{ "list_versions", list_versions },
	{ "table_load_typed", table_load },
	{ "create_remove_node", create_remove_node },
	{ "remove_open", remove_open },
	{ "remove_stack", remove_stack, create_stack },
	{ "suspend_resume_stack", suspend_resume_stack, find_stack },
	{ "uses", uses, find_stack },
	{ "reload", reload },
	{ "poller_step", poller_step },
	{ "thin_snapshot", thin_snapshot, find_pool },
};

int main(int argc, char **argv)
{
	const struct call *call = find_call(argc, argv, calls, sizeof(calls) / sizeof(calls[0]));

	dm_log_with_errno_init(no_log);
	dm_udev_set_sync_support(0);
	lines = strtoul(argv[2], NULL, 10);
	/* A first call must not follow another one. */
	if (strncmp(call->name, "first_", 6))
		number("costs-below", below);
	measure(call, argv);
	return 0;
}
