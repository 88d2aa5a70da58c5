/* Grants: references from a list under a lock; a write barrier before the flags; compare-and-swap to end. */

#define END_OF_LIST 0

struct grants {
	grant_entry_v1_t *entries;
	uint32_t *next;
	uint32_t lock, head;
	uint32_t links[32768];
};

static ALWAYS void grant_lock(struct grants *g)
{
	while (__atomic_exchange_n(&g->lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&g->lock, __ATOMIC_RELAXED))
			relax();
}

static ALWAYS void grant_unlock(struct grants *g)
{
	__atomic_store_n(&g->lock, 0, __ATOMIC_RELEASE);
}

static void grant_init(void *state, void *entries, uint32_t count)
{
	struct grants *g = state;

	g->entries = entries;
	g->next = g->links;
	g->lock = 0;
	g->head = 8;
	for (uint32_t ref = 8; ref < count; ref++)
		g->next[ref] = ref + 1 < count ? ref + 1 : END_OF_LIST;
}

static ALWAYS uint32_t grant_take(struct grants *g)
{
	uint32_t ref;

	grant_lock(g);
	ref = g->head;
	if (ref != END_OF_LIST)
		g->head = g->next[ref];
	grant_unlock(g);
	return ref;
}

static ALWAYS void grant_give(struct grants *g, uint32_t ref)
{
	grant_lock(g);
	g->next[ref] = g->head;
	g->head = ref;
	grant_unlock(g);
}

static ALWAYS void grant_permit(struct grants *g, uint32_t ref, domid_t peer, uint32_t frame)
{
	volatile grant_entry_v1_t *entry = &g->entries[ref];

	entry->frame = frame;
	entry->domid = peer;
	xen_wmb();
	entry->flags = GTF_permit_access;
}

/* Whether the access has ended: not while the peer has the page mapped. */
static ALWAYS int grant_end(struct grants *g, uint32_t ref)
{
	uint16_t flags = __atomic_load_n(&g->entries[ref].flags, __ATOMIC_RELAXED);

	do {
		if (flags & (GTF_reading | GTF_writing))
			return 0;
	} while (!__atomic_compare_exchange_n(&g->entries[ref].flags, &flags, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return 1;
}

#define GRANT_BATCH 32

static uint64_t grant_rounds(void *state, uint32_t rounds, uint32_t batch)
{
	struct grants *g = state;
	uint32_t refs[GRANT_BATCH], frames[GRANT_BATCH];
	uint64_t sum = 0;

	if (batch > GRANT_BATCH)
		return WRONG;
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < batch; i++) {
			uint32_t frame = i;

			HANDLE(frame);
			refs[i] = grant_take(g);
			if (refs[i] == END_OF_LIST)
				return WRONG;
			frames[i] = frame;
			grant_permit(g, refs[i], 1, frame);
		}
		for (uint32_t i = 0; i < batch; i++) {
			if (!grant_end(g, refs[i]))
				return WRONG;
			grant_give(g, refs[i]);
			sum += frames[i];
		}
	}
	return sum;
}
