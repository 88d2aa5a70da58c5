/*
 * Lets a xenstore daemon run as an ordinary process where there is no Xen: preloaded, it takes the place of the few calls
 * to Xen that the daemons make. $XEN_RIG names a folder that stands for the machine:
 *
 *   N.page    domain N's page of xenstore; the domain lives as long as the file is there
 *   N.kick    a pipe with a name: a byte in it is an event for the daemon's port to domain N
 *   N.event   a datagram socket: a byte sent to it is an event for domain N, which makes it
 *   virq      a pipe with a name: a byte in it says that a domain has come, gone or changed
 *   port      the number of dom0's port, as text
 *
 * The ports that wait for the daemon are an epoll set, which survives its live update as the descriptor that Xen's does.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/grant_table.h>

enum { VIRQ_PORT = 1, FIRST_PORT = 16, PORTS = 4096, PAGE = 4096 };
#define RUN "/var/run/xenstored/"
#define PLUGINS "/xsd_glue/"

/* Stands for every handle; nothing in it is looked at. */
static long handle[64];
static int ports = -1;
static int port_fd[PORTS];

static int raw_open(const char *path, int flags, int mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static const char *rig(char path[108], const char *name)
{
    const char *folder = getenv("XEN_RIG");

    if (snprintf(path, 108, "%s/%s", folder ? folder : "/nowhere", name) >= 108)
        abort();
    return path;
}

static const char *of_domain(char path[108], unsigned domid, const char *what)
{
    char name[32];

    snprintf(name, sizeof(name), "%u.%s", domid, what);
    return rig(path, name);
}

static int lives(unsigned domid)
{
    char path[108];

    return domid == 0 || access(of_domain(path, domid, "page"), F_OK) == 0;
}

static void *map_page(unsigned domid)
{
    char path[108];
    void *page;
    int fd = raw_open(of_domain(path, domid, "page"), O_RDWR | O_CLOEXEC, 0);

    if (fd < 0)
        return NULL;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

/* Event channels. */

static int listen_on(evtchn_port_t port, const char *path)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd;

    if (mkfifo(path, 0600) && errno != EEXIST)
        return -1;
    /* Open for both, it never ends. Not closed on exec: nobody binds again after a live update. */
    fd = raw_open(path, O_RDWR | O_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    event.data.u64 = (uint64_t)port << 32 | (uint32_t)fd;
    port_fd[port] = fd;
    return epoll_ctl(ports, EPOLL_CTL_ADD, fd, &event) ? -1 : (int)port;
}

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    (void)flags;
    ports = epoll_create1(0);
    return ports < 0 ? NULL : (xenevtchn_handle *)handle;
}

xenevtchn_handle *xenevtchn_fdopen(xentoollog_logger *logger, int fd, unsigned int flags)
{
    (void)logger;
    (void)flags;
    ports = fd;
    return (xenevtchn_handle *)handle;
}

int xenevtchn_close(xenevtchn_handle *xce)
{
    (void)xce;
    return close(ports);
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
    (void)xce;
    return ports;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
    char path[108];

    (void)xce;
    return virq == VIRQ_DOM_EXC ? listen_on(VIRQ_PORT, rig(path, "virq")) : -1;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote)
{
    char path[108];

    (void)xce;
    (void)remote;
    if (!lives(domid) || domid >= PORTS - FIRST_PORT) {
        errno = EINVAL;
        return -1;
    }
    return listen_on(FIRST_PORT + domid, of_domain(path, domid, "kick"));
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    if (port < PORTS && port_fd[port] > 0) {
        close(port_fd[port]);
        port_fd[port] = 0;
    }
    return 0;
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    (void)port;
    return 0;
}

/* Events are bits: all that lies in the pipe is one. */
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    struct epoll_event event;
    char bytes[256];
    int fd;

    (void)xce;
    if (epoll_wait(ports, &event, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    fd = (int)(uint32_t)event.data.u64;
    while (read(fd, bytes, sizeof(bytes)) == sizeof(bytes))
        ;
    return (int)(event.data.u64 >> 32);
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    static int out = -1;
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    (void)xce;
    if (out < 0)
        out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    of_domain(to.sun_path, port - FIRST_PORT, "event");
    /* Full, an event is pending; absent, nobody listens. */
    sendto(out, "", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
    return 0;
}

/* Pages of others. */

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned int flags)
{
    (void)logger;
    (void)flags;
    return (xengnttab_handle *)handle;
}

int xengnttab_close(xengnttab_handle *xgt)
{
    (void)xgt;
    return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t count)
{
    (void)xgt;
    (void)count;
    return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
    (void)xgt;
    (void)prot;
    return ref == GNTTAB_RESERVED_XENSTORE ? map_page(domid) : NULL;
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
    (void)xgt;
    return munmap(start, (size_t)count * PAGE);
}

void *xc_map_foreign_range(xc_interface *xch, uint32_t domid, int size, int prot, unsigned long mfn)
{
    (void)xch;
    (void)prot;
    (void)mfn;
    return size == PAGE ? map_page(domid) : NULL;
}

/* Domains. */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild, unsigned int flags)
{
    (void)logger;
    (void)dombuild;
    (void)flags;
    return (xc_interface *)handle;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

const xc_error *xc_get_last_error(xc_interface *xch)
{
    static const xc_error none;

    (void)xch;
    return &none;
}

#if XEN_DOMCTL_INTERFACE_VERSION < 0x16
int xc_domain_getinfo(xc_interface *xch, uint32_t first, unsigned int max, xc_dominfo_t *info)
{
    (void)xch;
    if (max == 0 || !lives(first))
        return 0;
    memset(info, 0, sizeof(*info));
    info->domid = first;
    return 1;
}
#else
int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
    if (xc_domain_getinfolist(xch, domid, 1, info) == 1)
        return 0;
    errno = ESRCH;
    return -1;
}
#endif

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
    (void)xch;
    if (max == 0 || !lives(first))
        return 0;
    memset(info, 0, sizeof(*info));
    info->domain = first;
    return 1;
}

/* Files and limits. */

static const char *place(const char *path, char changed[PAGE])
{
    const char *name = strrchr(path, '/');
    const char *folder = getenv("XENSTORED_RUNDIR"), *tree = getenv("XEN_TREE");

    if (folder && !strncmp(path, RUN, strlen(RUN))) {
        snprintf(changed, PAGE, "%s/%s", folder, path + strlen(RUN));
        return changed;
    }
    if (tree && strstr(path, PLUGINS)) {
        snprintf(changed, PAGE, "%s%s", tree, path);
        return changed;
    }
    if (!name || (strncmp(path, "/proc/xen/", 10) && strncmp(path, "/dev/xen/", 9)))
        return path;
    if (!strcmp(name, "/xsd_kva"))
        return of_domain(changed, 0, "page");
    return strcmp(name, "/xsd_port") ? path : rig(changed, "port");
}

int open(const char *path, int flags, ...)
{
    char changed[PAGE];
    va_list rest;
    int mode;

    va_start(rest, flags);
    mode = va_arg(rest, int);
    va_end(rest);
    return raw_open(place(path, changed), flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

/* The daemon in OCaml has its socket, the dump that a live update leaves, and its plugin at fixed places. */
int bind(int fd, const struct sockaddr *to, socklen_t len)
{
    const struct sockaddr_un *name = (const void *)to;
    struct sockaddr_un moved = { .sun_family = AF_UNIX };
    char changed[PAGE];

    if (to->sa_family != AF_UNIX || place(name->sun_path, changed) != changed)
        return (int)syscall(SYS_bind, fd, to, len);
    if (strlen(changed) >= sizeof(moved.sun_path))
        abort();
    strcpy(moved.sun_path, changed);
    unlink(changed);
    return (int)syscall(SYS_bind, fd, &moved, sizeof(moved));
}

int stat64(const char *path, struct stat64 *found)
{
    char changed[PAGE];

    return (int)syscall(SYS_newfstatat, AT_FDCWD, place(path, changed), found, 0);
}

DIR *opendir(const char *path)
{
    char changed[PAGE];
    int fd = raw_open(place(path, changed), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    return fd < 0 ? NULL : fdopendir(fd);
}

void *dlopen(const char *path, int flags)
{
    void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    char changed[PAGE];

    return real(path ? place(path, changed) : path, flags);
}

/* More descriptors than an ordinary user may have. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    (void)resource;
    (void)limit;
    return 0;
}
