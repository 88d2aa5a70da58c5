/*
 * Backends of devices that are nowhere: they only greet their frontends, again and again.
 *
 *   devices DOMID COUNT   so many disks and network cards of a domain
 *
 * A backend waits for the frontend's ring (InitWait), reads where that is, and is connected; when the frontend closes it does too,
 * and when that is closed it waits again. When all of them wait, the domain is told in its node data/devices.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>
#include <xen/io/xenbus.h>

#define MOST 64

static const char *const feature[][2] = {
    { "max-ring-page-order", "4" }, { "feature-flush-cache", "1" }, { "feature-discard", "1" },
    { "sectors", "2048" },          { "sector-size", "512" },       { "info", "0" },
    { "feature-rx-copy", "1" },     { "feature-sg", "1" },          { "multi-queue-max-queues", "1" },
};

struct kind {
    const char *name;
    /* Its frontend has published its rings in this state. */
    enum xenbus_state offered;
    const char *rings[4];
    enum xenbus_state state[MOST];
};

static struct kind kinds[] = {
    { .name = "vbd", .offered = XenbusStateInitialised, .rings = { "ring-ref", "event-channel", "protocol" } },
    { .name = "vif", .offered = XenbusStateConnected, .rings = { "tx-ring-ref", "rx-ring-ref", "event-channel" } },
};

static struct xs_handle *store;
static unsigned int domid;

static void write_node(const char *folder, const char *name, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (!xs_write(store, XBT_NULL, path, value, strlen(value)))
        err(1, "cannot write %s", path);
}

static void write_number(const char *folder, const char *name, unsigned int number)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    write_node(folder, name, text);
}

/* A node's text, or NULL. */
static char *read_node(const char *folder, const char *name)
{
    char path[128];
    unsigned int length;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return xs_read(store, XBT_NULL, path, &length);
}

/* Makes an empty folder, of one domain, which the other may read. */
static void make_folder(const char *path, unsigned int owner, unsigned int reader)
{
    struct xs_permissions entries[2] = { { .id = owner, .perms = XS_PERM_NONE }, { .id = reader, .perms = XS_PERM_READ } };

    if (!xs_mkdir(store, XBT_NULL, path) || !xs_set_permissions(store, XBT_NULL, path, entries, 2))
        err(1, "cannot make %s", path);
}

static void folders(const struct kind *kind, unsigned int id, char (*front)[128], char (*back)[128])
{
    snprintf(*front, sizeof(*front), "/local/domain/%u/device/%s/%u", domid, kind->name, id);
    snprintf(*back, sizeof(*back), "/local/domain/0/backend/%s/%u/%u", kind->name, domid, id);
}

static void turn_to(struct kind *kind, unsigned int id, const char *back, enum xenbus_state state)
{
    kind->state[id] = state;
    write_number(back, "state", state);
}

static void make_device(struct kind *kind, unsigned int id)
{
    char front[128], back[128], state[144], token[16];
    unsigned int at;

    folders(kind, id, &front, &back);
    make_folder(front, domid, 0);
    make_folder(back, 0, domid);
    for (at = 0; at < sizeof(feature) / sizeof(feature[0]); at++)
        write_node(back, feature[at][0], feature[at][1]);
    write_node(back, "frontend", front);
    write_number(back, "frontend-id", domid);
    write_node(front, "backend", back);
    write_number(front, "backend-id", 0);
    write_number(front, "state", XenbusStateInitialising);
    turn_to(kind, id, back, XenbusStateInitWait);
    snprintf(state, sizeof(state), "%s/state", front);
    snprintf(token, sizeof(token), "%s/%u", kind->name, id);
    if (!xs_watch(store, state, token))
        err(1, "cannot watch %s", state);
}

/* Whether all that tells of the rings is there. */
static bool has_rings(const struct kind *kind, const char *front)
{
    unsigned int at;
    char *text;

    for (at = 0; kind->rings[at]; at++) {
        text = read_node(front, kind->rings[at]);
        if (!text)
            return false;
        free(text);
    }
    return true;
}

/* Looks at a frontend's state, and follows. */
static void follow(struct kind *kind, unsigned int id)
{
    char front[128], back[128], *text;
    enum xenbus_state theirs, ours = kind->state[id];

    folders(kind, id, &front, &back);
    text = read_node(front, "state");
    theirs = text ? strtoul(text, NULL, 10) : XenbusStateUnknown;
    free(text);
    if (ours == XenbusStateInitWait && theirs == kind->offered) {
        if (!has_rings(kind, front))
            errx(1, "%s has no rings", front);
        turn_to(kind, id, back, XenbusStateConnected);
    } else if (ours == XenbusStateConnected && theirs == XenbusStateClosing) {
        turn_to(kind, id, back, XenbusStateClosing);
    } else if (ours == XenbusStateClosing && theirs == XenbusStateClosed) {
        turn_to(kind, id, back, XenbusStateInitWait);
    }
}

/* Follows the frontend of whose state the watch of this token tells. */
static void heard(const char *token)
{
    char name[8];
    unsigned int at, id;

    if (sscanf(token, "%7[^/]/%u", name, &id) != 2 || id >= MOST)
        errx(1, "no token of ours: %s", token);
    for (at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++)
        if (!strcmp(kinds[at].name, name))
            follow(&kinds[at], id);
}

int main(int argc, char **argv)
{
    unsigned int at, id, count, length;
    char home[64], **event;

    if (argc != 3)
        errx(2, "usage: devices DOMID COUNT");
    domid = strtoul(argv[1], NULL, 10);
    count = strtoul(argv[2], NULL, 10);
    if (!domid || !count || count > MOST)
        errx(2, "no domain, or not 1 to %u devices", MOST);
    store = xs_open(0);
    if (!store)
        err(1, "no xenstore");
    for (at = 0; at < sizeof(kinds) / sizeof(kinds[0]); at++)
        for (id = 0; id < count; id++)
            make_device(&kinds[at], id);
    snprintf(home, sizeof(home), "/local/domain/%u/data", domid);
    write_number(home, "devices", count);
    while ((event = xs_read_watch(store, &length))) {
        heard(event[XS_WATCH_TOKEN]);
        free(event);
    }
    err(1, "no events");
}
