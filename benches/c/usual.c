/* The usual way, compiled once for each way of optimising; -DUSUAL names the table that comes of it. */
#include "usual.h"

#define ALWAYS inline __attribute__((always_inline))
/* Hides a value from the compiler, as a handler that is called through a table would. */
#define HANDLE(value) __asm__ __volatile__("" : "+r"(value) : : "memory")

/* A round of events: `pending` of them come in, and are dispatched. */
#define ROUNDS(kind) \
	static uint64_t kind##_rounds(void *state, uint32_t rounds, uint32_t pending) \
	{ \
		uint64_t sum = 0; \
\
		for (uint32_t round = 0; round < rounds; round++) { \
			kind##_raise(state, pending); \
			sum += kind##_dispatch(state); \
		} \
		return sum; \
	}

#include "grant.h"
#include "two_level.h"
#include "fifo.h"
#include "checked.h"
#include "store.h"

const struct usual USUAL = {
	.grant = { .size = sizeof(struct grants), .init = grant_init, .rounds = grant_rounds },
	.two_level = {
		.size = sizeof(struct two_level),
		.init = two_level_init,
		.rounds = two_level_rounds,
		.checked = two_level_checked,
		.late = two_level_late,
	},
	.fifo = { .size = sizeof(struct fifo), .init = fifo_init, .rounds = fifo_rounds, .checked = fifo_checked },
	.store = { .size = sizeof(struct store), .init = store_init, .rounds = store_rounds, .checked = store_checked },
};
