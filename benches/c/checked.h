/*
 * The same events, dispatched with the checks that xen-evtchn makes: to show what those cost in C. Which ABI is in force; a
 * budget; words in turn; whose a port is, as of the last change of any; no event but by an exchange; and before each handler,
 * that no port has changed meanwhile. Where ours goes an unusual way, this gives up.
 */
#define LOAD(place) __atomic_load_n(place, __ATOMIC_RELAXED)
#define STORE(place, value) __atomic_store_n(place, value, __ATOMIC_RELAXED)
#define UNUSUAL (UINT64_MAX / 3)

static ALWAYS uint64_t two_level_checked_dispatch(struct two_level *t)
{
	struct two_level_checks *c = &t->checks;
	uint64_t budget = UINT64_MAX, sum = 0, selected;

	if (LOAD(&c->fifo))
		return UNUSUAL;
	STORE(&t->upcall, 0);
	selected = __atomic_exchange_n(&t->select, 0, __ATOMIC_SEQ_CST) | LOAD(&c->selected);
	while (selected) {
		uint64_t turn = selected & LOAD(&c->turn), bit, raised, open, ready, since, until;
		uint32_t word;

		if (!turn)
			turn = selected;
		word = __builtin_ctzll(turn);
		raised = LOAD(&t->pending[word]);
		open = raised & ~LOAD(&t->mask[word]);
		since = LOAD(&c->changes);
		if (LOAD(&c->seen[word]) != since)
			return UNUSUAL;
		ready = open & LOAD(&c->own[word]);
		if (!ready || ready != open || budget < 64)
			return UNUSUAL;
		bit = UINT64_C(1) << word;
		STORE(&c->selected, selected & ~bit);
		STORE(&c->turn, turn & ~bit);
		if (!__atomic_compare_exchange_n(&t->pending[word], &raised, raised & ~ready, 0, __ATOMIC_SEQ_CST,
						 __ATOMIC_RELAXED))
			return UNUSUAL;
		until = LOAD(&c->changes);
		for (; ready; ready &= ready - 1) {
			uint32_t port = word * 64 + __builtin_ctzll(ready);

			budget--;
			if (LOAD(&c->changes) != since || LOAD(&t->mask[word]) & ready)
				return UNUSUAL - until;
			HANDLE(port);
			sum += port;
		}
		selected = LOAD(&c->selected);
	}
	return sum;
}

static uint64_t two_level_checked(void *state, uint32_t rounds, uint32_t pending)
{
	struct two_level *t = state;
	uint64_t sum = 0;

	for (uint32_t word = 0; word < WORDS; word++)
		t->checks.own[word] = UINT64_MAX;
	for (uint32_t round = 0; round < rounds; round++) {
		two_level_raise(t, pending);
		sum += two_level_checked_dispatch(t);
	}
	return sum;
}

#define READY ((1 << EVTCHN_FIFO_MAX_QUEUES) - 1)
#define FLAGS (BIT(EVTCHN_FIFO_LINKED) | BIT(EVTCHN_FIFO_PENDING) | BIT(EVTCHN_FIFO_MASKED))

static ALWAYS uint64_t fifo_checked_dispatch(struct fifo *f)
{
	struct fifo_checks *c = &f->checks;
	uint64_t budget = UINT64_MAX, sum = 0;
	uint32_t ahead = 0;
	event_word_t *page = NULL;

	if (!LOAD(&c->known))
		return UNUSUAL;
	if (LOAD(&c->upcall))
		STORE(&c->upcall, 0);
	for (; budget; budget--) {
		uint32_t named = LOAD(&c->ready), queue, port, later;
		event_word_t seen;

		if (LOAD(&f->control.ready) & READY) {
			named |= __atomic_exchange_n(&f->control.ready, 0, __ATOMIC_SEQ_CST) & READY;
			STORE(&c->ready, named);
		}
		if (!named)
			return LOAD(&c->search) ? UNUSUAL : sum;
		queue = __builtin_ctz(named);
		port = LOAD(&f->head[queue]);
		if (!page || port != ahead) {
			if (!port)
				port = LOAD(&f->control.head[queue]);
			if (port / PAGE_WORDS >= LOAD(&c->known) || port / PAGE_WORDS >= c->pages)
				return UNUSUAL;
			page = c->page[port / PAGE_WORDS];
		}
		if (port >= c->slots || (LOAD(&c->slot[port]) & c->slot_mask) != c->slot_live)
			return UNUSUAL;
		seen = LOAD(&page[port % PAGE_WORDS]);
		later = seen & EVTCHN_FIFO_LINK_MASK;
		if ((seen & FLAGS) != (BIT(EVTCHN_FIFO_LINKED) | BIT(EVTCHN_FIFO_PENDING)))
			return UNUSUAL;
		if (!__atomic_compare_exchange_n(&page[port % PAGE_WORDS], &seen, seen & ~(FLAGS | EVTCHN_FIFO_LINK_MASK), 0,
						 __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return UNUSUAL;
		STORE(&f->head[queue], later);
		if (!later)
			STORE(&c->ready, named & (named - 1));
		if (later && later / PAGE_WORDS == port / PAGE_WORDS)
			ahead = later;
		else
			page = NULL;
		HANDLE(port);
		sum += port;
	}
	return sum;
}

static uint64_t fifo_checked(void *state, uint32_t rounds, uint32_t pending)
{
	struct fifo *f = state;
	struct fifo_checks *c = &f->checks;
	uint64_t sum = 0;

	c->known = c->pages = PORTS / PAGE_WORDS;
	c->slots = PORTS;
	c->slot_mask = 0xFFFF8;
	c->slot_live = 8;
	for (uint32_t page = 0; page < c->pages; page++)
		c->page[page] = f->words + page * PAGE_WORDS;
	for (uint32_t port = 0; port < PORTS; port++)
		c->slot[port] = c->slot_live;
	for (uint32_t round = 0; round < rounds; round++) {
		fifo_raise(f, pending);
		sum += fifo_checked_dispatch(f);
	}
	return sum;
}
