/* The codec of a xenstore client: one message out of the caller's strings, and what the caller wants out of its answer. */

#define VALUE_ROOM 256
#define NAMES_ROOM 64
#define ACK "OK"

struct store {
	struct xsd_sockmsg asked;
	unsigned char out[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	/* One byte more: a body is made a string. */
	unsigned char in[XENSTORE_PAYLOAD_MAX + 1];
	uint32_t in_len;
	/* What the caller gets. */
	unsigned char value[VALUE_ROOM];
	const char *names[NAMES_ROOM];
};

static void store_init(void *state)
{
	memset(state, 0, sizeof(struct store));
}

/* Writes the whole message, with a body of a path and bytes behind it; returns its length, or 0 if it is too long. */
static uint32_t store_encode(struct store *s, uint32_t type, const char *path, const void *value, size_t len)
{
	size_t path_len = strlen(path) + 1;
	unsigned char *body = s->out + sizeof(s->asked);

	if (path_len > XENSTORE_PAYLOAD_MAX || len > XENSTORE_PAYLOAD_MAX - path_len)
		return 0;
	s->asked.type = type;
	s->asked.req_id++;
	s->asked.tx_id = 0;
	s->asked.len = path_len + len;
	memcpy(s->out, &s->asked, sizeof(s->asked));
	memcpy(body, path, path_len);
	if (len)
		memcpy(body + path_len, value, len);
	return sizeof(s->asked) + s->asked.len;
}

/* Takes in what has come; 0 if it is the answer to what was asked, and no error. */
static int store_decode(struct store *s, const unsigned char *from, size_t len)
{
	struct xsd_sockmsg message;

	if (len < sizeof(message))
		return -1;
	memcpy(&message, from, sizeof(message));
	if (message.len > XENSTORE_PAYLOAD_MAX || len - sizeof(message) < message.len)
		return -1;
	if (message.req_id != s->asked.req_id || message.tx_id != s->asked.tx_id || message.type != s->asked.type)
		return -1;
	memcpy(s->in, from + sizeof(message), message.len);
	s->in[message.len] = 0;
	s->in_len = message.len;
	return 0;
}

static int store_ack(const struct store *s)
{
	return s->in_len == sizeof(ACK) && !memcmp(s->in, ACK, sizeof(ACK)) ? 0 : -1;
}

/* The value, in the caller's room; returns its length, or -1. */
static int store_value(struct store *s)
{
	if (s->in_len > sizeof(s->value))
		return -1;
	memcpy(s->value, s->in, s->in_len);
	return s->in_len;
}

/* Finds the strings of the body; returns how many, or -1. */
static int store_split(struct store *s)
{
	const char *at = (const char *)s->in, *end = at + s->in_len;
	int count = 0;

	if (s->in_len && end[-1])
		return -1;
	for (; at < end; at += strlen(at) + 1) {
		if (count == NAMES_ROOM)
			return -1;
		s->names[count++] = at;
	}
	return count;
}

/* The same, of names that may stand in a path: the check that ours makes besides. */
static int store_split_checked(struct store *s)
{
	int count = store_split(s);

	for (int i = 0; i < count; i++) {
		const unsigned char *name = (const unsigned char *)s->names[i];

		if (!*name)
			return -1;
		for (; *name; name++) {
			unsigned char letter = (*name | 0x20) - 'a', digit = *name - '0';

			if (letter >= 26 && digit >= 10 && *name != '-' && *name != '_' && *name != '@')
				return -1;
		}
	}
	return count;
}

static ALWAYS uint64_t store_names(struct store *s, int (*split)(struct store *s))
{
	int count = split(s);
	uint64_t sum = 0;

	if (count < 0)
		return WRONG;
	for (int i = 0; i < count; i++)
		sum += s->names[i][0];
	return sum + count;
}

static ALWAYS uint64_t store_taken(struct store *s, int (*split)(struct store *s))
{
	int len;

	switch (s->asked.type) {
	case XS_READ:
		len = store_value(s);
		return len < 0 ? WRONG : (uint64_t)len + s->value[0];
	case XS_WRITE:
		return store_ack(s) ? WRONG : 1;
	default:
		return store_names(s, split);
	}
}

/*
 * The server repeats the id. It does so some rounds ahead, since a processor waits for a header of which a part has just
 * been stored, as it never is in a ring.
 */
static ALWAYS const unsigned char *store_answer(const struct store_work *work, const unsigned char *out, uint32_t round)
{
	const uint32_t ahead = STORE_ANSWERS / 2;
	uint32_t id, at = round % STORE_ANSWERS;
	unsigned char *here = work->answers[at], *later = work->answers[(at + ahead) % STORE_ANSWERS];

	memcpy(&id, out + offsetof(struct xsd_sockmsg, req_id), sizeof(id));
	if (round < ahead)
		memcpy(here + offsetof(struct xsd_sockmsg, req_id), &id, sizeof(id));
	id += ahead;
	memcpy(later + offsetof(struct xsd_sockmsg, req_id), &id, sizeof(id));
	return here;
}

static ALWAYS uint64_t store_do(struct store *s, const struct store_work *work, uint32_t rounds,
				int (*split)(struct store *s))
{
	uint64_t sum = 0;

	for (uint32_t round = 0; round < rounds; round++) {
		const char *path = work->path;
		unsigned char *out = s->out;
		const unsigned char *answer;
		uint64_t taken;

		HANDLE(path);
		if (!store_encode(s, work->type, path, work->value, work->value_len))
			return WRONG;
		HANDLE(out);
		answer = store_answer(work, out, round);
		HANDLE(answer);
		if (store_decode(s, answer, work->answer_len))
			return WRONG;
		taken = store_taken(s, split);
		if (taken == WRONG)
			return WRONG;
		sum += taken;
	}
	return sum;
}

static uint64_t store_rounds(void *state, const struct store_work *work, uint32_t rounds)
{
	return store_do(state, work, rounds, store_split);
}

static uint64_t store_checked(void *state, const struct store_work *work, uint32_t rounds)
{
	return store_do(state, work, rounds, store_split_checked);
}
