/*
 * Front and back of one slot ring by the macros of the public headers, as Linux's drivers use them.
 * Included once for each protocol, with:
 *   T(name)             the name of a type or function of this protocol
 *   RING(name)          the name that DEFINE_RING_TYPES gave
 *   SLOTS               how many slots a page has
 *   OPERATION           what a request asks for
 *   FILL(request, i)    what request number i asks
 *   CHECKED             1 for a front that checks answers as xen-ring does: what that costs in C
 */

#if CHECKED
/* A request: its number, or UINT64_MAX if there is none; its id, of which the upper half counts the uses of its place. */
struct T(entry) {
	uint64_t number, id, token;
	uint32_t operation;
};
#endif

struct T(front) {
	RING(front_ring_t) ring;
#if CHECKED
	struct T(entry) entry[SLOTS];
	uint32_t place[SLOTS];
	uint64_t staged, published;
#else
	uint64_t token[SLOTS];
	uint32_t next[SLOTS];
	uint32_t free;
#endif
	uint64_t notified;
};

/* Keeps the token of a request and returns the id for it. */
static inline uint64_t T(keep)(struct T(front) *f, uint64_t token, uint32_t operation)
{
#if CHECKED
	struct T(entry) *entry = &f->entry[f->place[f->ring.req_prod_pvt % SLOTS]];

	(void)operation;
	entry->id += 1ULL << 32;
	entry->number = f->staged++;
	entry->token = token;
	entry->operation = operation;
	return entry->id;
#else
	uint32_t id = f->free;

	(void)operation;
	f->free = f->next[id];
	f->token[id] = token;
	return id;
#endif
}

/* Gives the token back and frees its place; returns 0 for an id that is wrong. */
static inline int T(give)(struct T(front) *f, const RING(response_t) *rsp, uint64_t *token)
{
#if CHECKED
	uint32_t place = rsp->id % SLOTS;
	struct T(entry) *entry = &f->entry[place];

	if (entry->number >= f->published || entry->id != rsp->id || entry->operation != rsp->operation)
		return 0;
	*token = entry->token;
	entry->number = UINT64_MAX;
	f->place[(f->ring.rsp_cons - 1) % SLOTS] = place;
#else
	if (rsp->id >= SLOTS)
		return 0;
	*token = f->token[rsp->id];
	f->next[rsp->id] = f->free;
	f->free = rsp->id;
#endif
	return 1;
}

struct T(back) {
	RING(back_ring_t) ring;
	uint64_t held[SLOTS];
	uint32_t count;
	uint64_t notified;
};

static void T(front_init)(void *front, void *page, uint32_t start)
{
	struct T(front) *f = front;
	RING(sring_t) *sring = page;

	memset(f, 0, sizeof(*f));
	for (uint32_t i = 0; i < SLOTS; i++) {
#if CHECKED
		f->entry[i].number = UINT64_MAX;
		f->entry[i].id = f->place[i] = i;
#else
		f->next[i] = i + 1;
#endif
	}
	SHARED_RING_INIT(sring);
	sring->req_prod = sring->rsp_prod = start;
	sring->req_event = sring->rsp_event = start + 1;
	FRONT_RING_ATTACH(&f->ring, sring, start, 4096);
}

static void T(back_init)(void *back, void *page, uint32_t start)
{
	struct T(back) *b = back;

	memset(b, 0, sizeof(*b));
	BACK_RING_ATTACH(&b->ring, (RING(sring_t) *)page, start, 4096);
}

static inline void T(front_push)(struct T(front) *f)
{
	int notify;

#if CHECKED
	f->published = f->staged;
#endif
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f->ring, notify);
	f->notified += notify;
}

/* Stages `batch` requests and pushes after each `step` of them. */
static inline void T(ask)(struct T(front) *f, uint32_t batch, uint32_t step)
{
	uint32_t staged = 0;

	for (uint32_t i = 0; i < batch && !RING_FULL(&f->ring); i++) {
		RING(request_t) *slot = RING_GET_REQUEST(&f->ring, f->ring.req_prod_pvt);
		RING(request_t) req;

		memset(&req, 0, sizeof(req));
		FILL(req, i);
		req.id = T(keep)(f, i, req.operation);
		*slot = req;
		f->ring.req_prod_pvt++;
		if (++staged == step) {
			T(front_push)(f);
			staged = 0;
		}
	}
	if (staged)
		T(front_push)(f);
}

/* Answers what is there; returns how many. */
static inline uint32_t T(answer)(struct T(back) *b)
{
	RING_IDX rp = b->ring.sring->req_prod;
	uint32_t count = rp - b->ring.req_cons;

	xen_rmb();
	if (RING_REQUEST_PROD_OVERFLOW(&b->ring, rp))
		return UINT32_MAX;
	while (b->ring.req_cons != rp) {
		RING(request_t) req;
		RING(response_t) rsp;

		RING_COPY_REQUEST(&b->ring, b->ring.req_cons, &req);
		COPIED(req);
		b->ring.req_cons++;
		memset(&rsp, 0, sizeof(rsp));
		rsp.id = req.id;
		rsp.operation = req.operation;
		*RING_GET_RESPONSE(&b->ring, b->ring.rsp_prod_pvt) = rsp;
		b->ring.rsp_prod_pvt++;
	}
	return count;
}

static inline void T(back_push)(struct T(back) *b)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&b->ring, notify);
	b->notified += notify;
}

/* Adds the tokens of what was answered to `sum`; returns how many, or UINT32_MAX. */
static inline uint32_t T(collect)(struct T(front) *f, uint64_t *sum)
{
	RING_IDX rp = f->ring.sring->rsp_prod;
	uint32_t count = rp - f->ring.rsp_cons;

	xen_rmb();
#if CHECKED
	if (count > (uint32_t)f->published - f->ring.rsp_cons)
		return UINT32_MAX;
#endif
	if (RING_RESPONSE_PROD_OVERFLOW(&f->ring, rp))
		return UINT32_MAX;
	while (f->ring.rsp_cons != rp) {
		RING(response_t) rsp;
		uint64_t token;

		RING_COPY_RESPONSE(&f->ring, f->ring.rsp_cons, &rsp);
		COPIED(rsp);
		f->ring.rsp_cons++;
		if (!T(give)(f, &rsp, &token))
			return UINT32_MAX;
		*sum += token + (uint64_t)rsp.status;
	}
	return count;
}

/* One thread: all there, all back, each end until its final check finds nothing. */
static uint64_t T(rounds)(void *front, void *back, uint32_t rounds, uint32_t batch, uint32_t step)
{
	struct T(front) *f = front;
	struct T(back) *b = back;
	uint64_t sum = 0;
	int more;

	for (uint32_t round = 0; round < rounds; round++) {
		T(ask)(f, batch, step);
		do {
			if (T(answer)(b) == UINT32_MAX)
				return WRONG;
			RING_FINAL_CHECK_FOR_REQUESTS(&b->ring, more);
		} while (more);
		T(back_push)(b);
		do {
			if (T(collect)(f, &sum) == UINT32_MAX)
				return WRONG;
			RING_FINAL_CHECK_FOR_RESPONSES(&f->ring, more);
		} while (more);
	}
	return sum;
}

/* Two threads, the front's: asks a batch and polls for its answers. */
static uint64_t T(front_rounds)(void *front, uint32_t rounds, uint32_t batch)
{
	struct T(front) *f = front;
	uint64_t sum = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		T(ask)(f, batch, batch);
		for (uint32_t done = 0; done < batch;) {
			uint32_t count = T(collect)(f, &sum);

			if (count == UINT32_MAX)
				return WRONG;
			done += count;
			if (!count)
				relax();
		}
	}
	return sum;
}

/* Two threads, the back's: polls for requests and answers what is there, until `count` are answered. */
static uint64_t T(back_serve)(void *back, uint32_t count)
{
	struct T(back) *b = back;

	for (uint32_t done = 0; done < count;) {
		uint32_t some = T(answer)(b);

		if (some == UINT32_MAX)
			return WRONG;
		done += some;
		if (some)
			T(back_push)(b);
		else
			relax();
	}
	return count;
}

static void T(front_ask)(void *front, uint32_t batch)
{
	T(ask)(front, batch, batch);
}

/* Takes all requests that are there and remembers their ids. */
static uint32_t T(back_hold)(void *back)
{
	struct T(back) *b = back;
	RING_IDX rp = b->ring.sring->req_prod;

	xen_rmb();
	if (RING_REQUEST_PROD_OVERFLOW(&b->ring, rp))
		return UINT32_MAX;
	for (b->count = 0; b->ring.req_cons != rp; b->ring.req_cons++) {
		RING(request_t) req;

		RING_COPY_REQUEST(&b->ring, b->ring.req_cons, &req);
		COPIED(req);
		b->held[b->count++] = req.id;
	}
	return b->count;
}

/* Answers each request that is held, and pushes each answer by itself. */
static void T(back_push_each)(void *back)
{
	struct T(back) *b = back;

	for (uint32_t i = 0; i < b->count; i++) {
		RING(response_t) rsp;

		memset(&rsp, 0, sizeof(rsp));
		rsp.id = b->held[i];
		rsp.operation = OPERATION;
		*RING_GET_RESPONSE(&b->ring, b->ring.rsp_prod_pvt) = rsp;
		b->ring.rsp_prod_pvt++;
		T(back_push)(b);
	}
	b->count = 0;
}

static uint64_t T(front_collect)(void *front)
{
	uint64_t sum = 0;

	return T(collect)(front, &sum) == UINT32_MAX ? WRONG : sum;
}

static uint64_t T(front_notified)(const void *front)
{
	return ((const struct T(front) *)front)->notified;
}

static uint64_t T(back_notified)(const void *back)
{
	return ((const struct T(back) *)back)->notified;
}

static int T(front_stage)(void *front, const void *request)
{
	struct T(front) *f = front;

	if (RING_FULL(&f->ring))
		return 0;
	memcpy(RING_GET_REQUEST(&f->ring, f->ring.req_prod_pvt), request, sizeof(RING(request_t)));
	f->ring.req_prod_pvt++;
	return 1;
}

static int T(front_publish)(void *front)
{
	struct T(front) *f = front;
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f->ring, notify);
	return notify;
}

static int T(front_take)(void *front, void *response)
{
	struct T(front) *f = front;
	int more;

	if (RING_RESPONSE_PROD_OVERFLOW(&f->ring, f->ring.sring->rsp_prod))
		return -1;
	RING_FINAL_CHECK_FOR_RESPONSES(&f->ring, more);
	if (!more)
		return 0;
	xen_rmb();
	RING_COPY_RESPONSE(&f->ring, f->ring.rsp_cons, (RING(response_t) *)response);
	f->ring.rsp_cons++;
	return 1;
}

static int T(back_take)(void *back, void *request)
{
	struct T(back) *b = back;
	int more;

	if (RING_REQUEST_PROD_OVERFLOW(&b->ring, b->ring.sring->req_prod))
		return -1;
	RING_FINAL_CHECK_FOR_REQUESTS(&b->ring, more);
	if (!more)
		return 0;
	xen_rmb();
	RING_COPY_REQUEST(&b->ring, b->ring.req_cons, (RING(request_t) *)request);
	b->ring.req_cons++;
	return 1;
}

static void T(back_stage)(void *back, const void *response)
{
	struct T(back) *b = back;

	memcpy(RING_GET_RESPONSE(&b->ring, b->ring.rsp_prod_pvt), response, sizeof(RING(response_t)));
	b->ring.rsp_prod_pvt++;
}

static int T(back_publish)(void *back)
{
	struct T(back) *b = back;
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&b->ring, notify);
	return notify;
}

static const struct slot_ops T(ops) = {
	.front_size = sizeof(struct T(front)),
	.back_size = sizeof(struct T(back)),
	.request_size = sizeof(RING(request_t)),
	.response_size = sizeof(RING(response_t)),
	.front_init = T(front_init),
	.back_init = T(back_init),
	.rounds = T(rounds),
	.front_rounds = T(front_rounds),
	.back_serve = T(back_serve),
	.front_ask = T(front_ask),
	.back_hold = T(back_hold),
	.back_push_each = T(back_push_each),
	.front_collect = T(front_collect),
	.front_notified = T(front_notified),
	.back_notified = T(back_notified),
	.front_stage = T(front_stage),
	.front_publish = T(front_publish),
	.front_take = T(front_take),
	.back_take = T(back_take),
	.back_stage = T(back_stage),
	.back_publish = T(back_publish),
};

