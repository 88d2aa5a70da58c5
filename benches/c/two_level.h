/* 2-level events: one locked instruction to select, one to clear each pending bit. */

#define WORDS 64

/* What the variant with checks knows besides; the usual way has no use for it. */
struct two_level_checks {
	uint32_t fifo;
	uint64_t changes, selected, turn;
	uint64_t seen[WORDS], own[WORDS];
};

struct two_level {
	uint64_t pending[WORDS], mask[WORDS];
	uint64_t select;
	uint8_t upcall;
	/* What is known of each port: here, whether it has a handler. */
	uint8_t bound[WORDS * 64];
	struct two_level_checks checks;
};

static void two_level_init(void *state)
{
	struct two_level *t = state;

	memset(t, 0, sizeof(*t));
	memset(t->bound, 1, sizeof(t->bound));
}

/* What Xen does, with no more than stores: the first `pending` ports from 1 on, of which there are 4095. */
static ALWAYS void two_level_raise(struct two_level *t, uint32_t pending)
{
	volatile uint64_t *words = t->pending;
	uint32_t end = pending + 1, word = 0;

	for (; word < end / 64; word++)
		words[word] = word ? UINT64_MAX : ~UINT64_C(1);
	if (end % 64) {
		uint64_t bits = (UINT64_C(1) << end % 64) - 1;

		words[word] = word ? bits : bits & ~UINT64_C(1);
		word++;
	}
	*(volatile uint64_t *)&t->select = word == WORDS ? UINT64_MAX : (UINT64_C(1) << word) - 1;
	*(volatile uint8_t *)&t->upcall = 1;
}

static ALWAYS uint64_t two_level_ready(struct two_level *t, uint32_t word)
{
	return __atomic_load_n(&t->pending[word], __ATOMIC_RELAXED) & ~__atomic_load_n(&t->mask[word], __ATOMIC_RELAXED);
}

static ALWAYS uint64_t two_level_dispatch(struct two_level *t)
{
	uint64_t selected, sum = 0;

	__atomic_store_n(&t->upcall, 0, __ATOMIC_RELAXED);
	selected = __atomic_exchange_n(&t->select, 0, __ATOMIC_SEQ_CST);
	while (selected) {
		uint32_t word = __builtin_ctzll(selected);
		uint64_t ready;

		selected &= selected - 1;
		while ((ready = two_level_ready(t, word))) {
			uint32_t bit = __builtin_ctzll(ready);
			uint32_t port = word * 64 + bit;

			__atomic_fetch_and(&t->pending[word], ~(UINT64_C(1) << bit), __ATOMIC_SEQ_CST);
			if (!t->bound[port])
				continue;
			HANDLE(port);
			sum += port;
		}
	}
	return sum;
}

ROUNDS(two_level)

/* The port to be acknowledged late, and where it lies. */
#define LATE 65
#define LATE_BIT (UINT64_C(1) << LATE % 64)

static uint64_t two_level_late(void *state, uint32_t rounds)
{
	struct two_level *t = state;
	uint64_t sum = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		uint32_t port = LATE;
		uint64_t *pending = &t->pending[LATE / 64], *mask = &t->mask[LATE / 64];

		*(volatile uint64_t *)pending |= LATE_BIT;
		__atomic_fetch_or(mask, LATE_BIT, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(pending, ~LATE_BIT, __ATOMIC_SEQ_CST);
		HANDLE(port);
		sum += port;
		__atomic_fetch_and(mask, ~LATE_BIT, __ATOMIC_SEQ_CST);
		/* What came while it was masked only Xen can deliver. */
		if (__atomic_load_n(pending, __ATOMIC_RELAXED) & LATE_BIT)
			return WRONG;
	}
	return sum;
}
