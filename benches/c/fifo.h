/* FIFO events: one compare-and-swap takes an event off its queue, one locked instruction clears it. */

#define PORTS 4096
#define BIT(bit) (UINT32_C(1) << (bit))
/* The first port of a round, and the queue of all. */
#define FIRST 1
#define PRIORITY EVTCHN_FIFO_PRIORITY_DEFAULT

#define PAGE_WORDS 1024

/* What the variant with checks knows besides; the usual way has no use for it. */
struct fifo_checks {
	uint32_t known, pages, ready, search, slots;
	uint8_t upcall;
	event_word_t *page[PORTS / PAGE_WORDS];
	uint64_t slot_mask, slot_live, slot[PORTS];
};

struct fifo {
	event_word_t words[PORTS + FIRST];
	struct evtchn_fifo_control_block control;
	/* Where each queue was left. */
	uint32_t head[EVTCHN_FIFO_MAX_QUEUES];
	uint8_t bound[PORTS + FIRST];
	struct fifo_checks checks;
};

static void fifo_init(void *state)
{
	struct fifo *f = state;

	memset(f, 0, sizeof(*f));
	memset(f->bound, 1, sizeof(f->bound));
}

/* What Xen does, with no more than stores: `pending` ports linked in order. */
static ALWAYS void fifo_raise(struct fifo *f, uint32_t pending)
{
	volatile event_word_t *words = f->words;
	uint32_t last = FIRST + pending - 1;

	for (uint32_t port = FIRST; port < last; port++)
		words[port] = BIT(EVTCHN_FIFO_PENDING) | BIT(EVTCHN_FIFO_LINKED) | (port + 1);
	words[last] = BIT(EVTCHN_FIFO_PENDING) | BIT(EVTCHN_FIFO_LINKED);
	*(volatile uint32_t *)&f->control.head[PRIORITY] = FIRST;
	*(volatile uint32_t *)&f->control.ready = BIT(PRIORITY);
}

/* Takes an event off its queue, and returns the next one's port. */
static ALWAYS uint32_t fifo_unlink(event_word_t *word)
{
	event_word_t seen = __atomic_load_n(word, __ATOMIC_RELAXED), next;

	do {
		next = seen & ~(BIT(EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK);
	} while (!__atomic_compare_exchange_n(word, &seen, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return seen & EVTCHN_FIFO_LINK_MASK;
}

static ALWAYS uint64_t fifo_consume(struct fifo *f, uint32_t queue, uint32_t *ready)
{
	uint32_t port = f->head[queue];
	event_word_t *word;
	uint64_t handled = 0;

	if (!port) {
		xen_rmb();
		port = __atomic_load_n(&f->control.head[queue], __ATOMIC_RELAXED);
	}
	word = &f->words[port];
	f->head[queue] = fifo_unlink(word);
	/* An empty queue is known to be empty by this only: Xen sets the bit again with the next event. */
	if (!f->head[queue])
		*ready &= ~BIT(queue);
	if (__atomic_load_n(word, __ATOMIC_RELAXED) & BIT(EVTCHN_FIFO_PENDING) &&
	    !(__atomic_load_n(word, __ATOMIC_RELAXED) & BIT(EVTCHN_FIFO_MASKED)) && f->bound[port]) {
		__atomic_fetch_and(word, ~BIT(EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
		HANDLE(port);
		handled = port;
	}
	return handled;
}

static ALWAYS uint64_t fifo_dispatch(struct fifo *f)
{
	uint32_t ready = __atomic_exchange_n(&f->control.ready, 0, __ATOMIC_SEQ_CST);
	uint64_t sum = 0;

	while (ready) {
		sum += fifo_consume(f, __builtin_ctz(ready), &ready);
		/* Looked at first: an exchange an event would be a third locked instruction. */
		if (__atomic_load_n(&f->control.ready, __ATOMIC_RELAXED))
			ready |= __atomic_exchange_n(&f->control.ready, 0, __ATOMIC_SEQ_CST);
	}
	return sum;
}

ROUNDS(fifo)
