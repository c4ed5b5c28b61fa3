/*
 * The command line of the programs in this folder:
 *
 *     PROGRAM CALL SIZE COUNT ROUNDS
 *
 * makes the call COUNT times in each round, with tables or lists of SIZE entries, and prints the processor time of each
 * round in nanoseconds. Without rounds, it prints the number of ioctls of one call. The exit status is NO_CALL if the
 * program does not implement the call.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_CALL 3

struct call {
	const char *name;
	void (*run)(void);
	/* Called before each round, and not measured; may be NULL. */
	void (*prepare)(void);
};

/* Uses a value of an answer, so that the compiler keeps the code that reads it. */
static volatile uint64_t sink;

static unsigned long ioctls;

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static inline uint64_t round_of(const struct call *call, int count)
{
	uint64_t start;

	if (call->prepare)
		call->prepare();
	ioctls = 0;
	start = now();
	while (count--)
		call->run();
	return now() - start;
}

/* Ends the program if it does not implement the call. */
static inline const struct call *find_call(int argc, char **argv, const struct call *calls, size_t count)
{
	if (argc != 5) {
		fprintf(stderr, "usage: CALL SIZE COUNT ROUNDS\n");
		exit(2);
	}
	for (; count; calls++, count--)
		if (!strcmp(calls->name, argv[1]))
			return calls;
	exit(NO_CALL);
}

static inline void measure(const struct call *call, char **argv)
{
	int count = atoi(argv[3]), rounds = atoi(argv[4]);

	for (; rounds > 0; rounds--)
		printf("%llu\n", (unsigned long long)round_of(call, count));
	if (atoi(argv[4]))
		return;
	/* For most calls the second one counts, since the length of the answer is then known. */
	if (strncmp(call->name, "first_", 6))
		round_of(call, 1);
	round_of(call, 1);
	printf("%lu\n", ioctls);
}
