/* The C side, compiled once for each way of optimising; -DSIDE names the table that comes of it. */
#include "side.h"
#include "bound.h"

/* A protocol of 16-byte slots. */
typedef struct {
	uint64_t id;
	uint32_t operation;
	uint32_t value;
} small_request_t;

typedef struct {
	uint64_t id;
	uint32_t operation;
	int32_t status;
} small_response_t;

DEFINE_RING_TYPES(small, small_request_t, small_response_t);

#define PASTE_(one, two) one##two
#define PASTE(one, two) PASTE_(one, two)

#define SLOTS __CONST_RING_SIZE(blkif, 4096)
#define OPERATION BLKIF_OP_READ
#define RING(name) PASTE(blkif_, name)
#define FILL(request, i)                                                       \
	do {                                                                   \
		(request).operation = OPERATION;                               \
		(request).nr_segments = 1;                                     \
		(request).sector_number = (i);                                 \
	} while (0)
#define T(name) PASTE(block_, name)
#define CHECKED 0
#include "slots.h"
#undef T
#undef CHECKED
#define T(name) PASTE(checked_block_, name)
#define CHECKED 1
#include "slots.h"
#undef SLOTS
#undef OPERATION
#undef T
#undef RING
#undef FILL
#undef CHECKED

#define SLOTS __CONST_RING_SIZE(small, 4096)
#define OPERATION 1
#define RING(name) PASTE(small_, name)
#define FILL(request, i)                                                       \
	do {                                                                   \
		(request).operation = OPERATION;                               \
		(request).value = (i);                                         \
	} while (0)
#define T(name) PASTE(small_, name)
#define CHECKED 0
#include "slots.h"
#undef T
#undef CHECKED
#define T(name) PASTE(checked_small_, name)
#define CHECKED 1
#include "slots.h"

/* A flex ring, with the barriers that the specification of PV calls wants: two full ones for a message there and back. */
DEFINE_XEN_FLEX_RING(flex);

static inline __attribute__((always_inline)) size_t
flex_write(RING_IDX *at, unsigned char *ring, RING_IDX size, const void *from, size_t len)
{
	volatile RING_IDX *index = at;
	RING_IDX cons = index[0], prod = index[1], masked_prod;

	xen_mb();
	if (size - flex_queued(prod, cons, size) < len)
		return 0;
	masked_prod = flex_mask(prod, size);
	flex_write_packet(ring, from, len, &masked_prod, flex_mask(cons, size), size);
	xen_wmb();
	index[1] = prod + len;
	return len;
}

static inline __attribute__((always_inline)) size_t
flex_read(RING_IDX *at, unsigned char *ring, RING_IDX size, void *to, size_t len)
{
	volatile RING_IDX *index = at;
	RING_IDX cons = index[0], prod = index[1], masked_cons;

	xen_rmb();
	if (flex_queued(prod, cons, size) < len)
		return 0;
	masked_cons = flex_mask(cons, size);
	flex_read_packet(to, ring, len, flex_mask(prod, size), &masked_cons, size);
	xen_mb();
	index[0] = cons + len;
	return len;
}

static size_t bytes_write(RING_IDX *at, unsigned char *ring, RING_IDX size, const void *from, size_t len)
{
	return flex_write(at, ring, size, from, len);
}

static size_t bytes_read(RING_IDX *at, unsigned char *ring, RING_IDX size, void *to, size_t len)
{
	return flex_read(at, ring, size, to, len);
}

/* Hides from the compiler what lies in private memory. */
#define ESCAPE(pointer) __asm__ __volatile__("" : : "r"(pointer) : "memory")

/* Messages are made beforehand: a byte that was just written would hold up the copy of the whole. */
#define MESSAGES 8

static inline __attribute__((always_inline)) uint64_t
flex_there_and_back(RING_IDX *at, unsigned char *ring, RING_IDX size, uint32_t rounds,
					   size_t len)
{
	unsigned char from[MESSAGES * 1024], to[1024];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < MESSAGES; i++)
		memset(from + i * len, i, len);
	for (uint32_t round = 0; round < rounds; round++) {
		ESCAPE(from);
		if (flex_write(at, ring, size, from + round % MESSAGES * len, len) != len)
			return WRONG;
		if (flex_read(at, ring, size, to, len) != len)
			return WRONG;
		ESCAPE(to);
		sum += to[0];
	}
	return sum;
}

static uint64_t flex_rounds(RING_IDX *at, unsigned char *ring, RING_IDX size, uint32_t rounds, uint32_t len)
{
	/* Each side's length is a constant where its own compiler can make something of it. */
	switch (len) {
	case 16:
		return flex_there_and_back(at, ring, size, rounds, 16);
	case 1024:
		return flex_there_and_back(at, ring, size, rounds, 1024);
	default:
		return WRONG;
	}
}

static inline __attribute__((always_inline)) uint64_t
copies_there_and_back(uint32_t rounds, size_t len)
{
	unsigned char from[MESSAGES * 1024], there[1024], to[1024];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < MESSAGES; i++)
		memset(from + i * len, i, len);
	for (uint32_t round = 0; round < rounds; round++) {
		ESCAPE(from);
		memcpy(there, from + round % MESSAGES * len, len);
		ESCAPE(there);
		memcpy(to, there, len);
		ESCAPE(to);
		sum += to[0];
	}
	return sum;
}

static uint64_t bound_copies(uint32_t rounds, uint32_t len)
{
	switch (len) {
	case 16:
		return copies_there_and_back(rounds, 16);
	case 1024:
		return copies_there_and_back(rounds, 1024);
	default:
		return WRONG;
	}
}

const struct side SIDE = {
	.block = block_ops,
	.small = small_ops,
	.checked_block = checked_block_ops,
	.checked_small = checked_small_ops,
	.bytes = { .write = bytes_write, .read = bytes_read, .rounds = flex_rounds },
	.bound = {
		.size = sizeof(struct bound),
		.rounds = bound_rounds,
		.copies = bound_copies,
	},
};
