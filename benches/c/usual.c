/* The usual way, compiled once for each way of optimising; -DUSUAL names the table that comes of it. */
#include "usual.h"

#define ALWAYS inline __attribute__((always_inline))
/* Hides a value from the compiler, as a handler that is called through a table would. */
#define HANDLE(value) __asm__ __volatile__("" : "+r"(value) : : "memory")

#include "grant.h"
#include "two_level.h"
#include "fifo.h"

const struct usual USUAL = {
	.grant = { .size = sizeof(struct grants), .init = grant_init, .rounds = grant_rounds },
	.two_level = {
		.size = sizeof(struct two_level),
		.init = two_level_init,
		.rounds = two_level_rounds,
		.late = two_level_late,
	},
	.fifo = { .size = sizeof(struct fifo), .init = fifo_init, .rounds = fifo_rounds },
};
