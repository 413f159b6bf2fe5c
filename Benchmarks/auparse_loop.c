/* The yardstick: what a plain C program on libauparse needs for the same log.
 *
 * Reads a log in blocks, feeds them to libauparse, and walks the SYSCALL record of each event
 * for the fields any socket counter needs. It keeps no per-process state and prints no table:
 * whatever sockaudit does beyond this counts against sockaudit, never against the yardstick.
 *
 * Build:  cc -O2 auparse_loop.c -o auparse_loop -lauparse -laudit
 * Run:    auparse_loop FILE     (- is standard input)
 * Prints: events N sockets N closes N seconds S events_per_s R
 */
#include <auparse.h>
#include <errno.h>
#include <fcntl.h>
#include <libaudit.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

struct tally {
    unsigned long events, sockets, closes;
    uint64_t checksum; /* keeps the compiler from dropping the fields nobody prints */
    unsigned long arch; /* the arch the two numbers below belong to */
    long nr_socket, nr_close;
};

/* Numbers differ by arch; libaudit knows them. Asked once, as a log has one arch or two. */
static void use_arch(struct tally *t, unsigned long arch) {
    int machine = audit_elf_to_machine((unsigned int)arch);
    t->arch = arch;
    t->nr_socket = machine < 0 ? -1 : audit_name_to_syscall("socket", machine);
    t->nr_close = machine < 0 ? -1 : audit_name_to_syscall("close", machine);
}

static void walk_syscall(auparse_state_t *au, struct tally *t) {
    long nr = -1, exit_value = 0;
    int success = 0;
    uint64_t a[3] = {0, 0, 0};

    if (auparse_first_field(au) <= 0)
        return;
    do {
        const char *name = auparse_get_field_name(au);
        const char *value = auparse_get_field_str(au);
        if (name == NULL || value == NULL)
            continue;
        switch (name[0]) {
        case 'a':
            if (name[1] >= '0' && name[1] <= '2' && name[2] == '\0') {
                a[name[1] - '0'] = strtoull(value, NULL, 16);
            } else if (strcmp(name, "arch") == 0) {
                unsigned long arch = strtoul(value, NULL, 16);
                if (arch != t->arch)
                    use_arch(t, arch);
            }
            break;
        case 's':
            if (strcmp(name, "syscall") == 0)
                nr = strtol(value, NULL, 10);
            else if (strcmp(name, "success") == 0)
                success = strcmp(value, "yes") == 0;
            break;
        case 'e':
            if (strcmp(name, "exit") == 0)
                exit_value = strtol(value, NULL, 10);
            else if (strcmp(name, "exe") == 0)
                t->checksum += (unsigned char)value[0];
            break;
        case 'p':
            if (strcmp(name, "pid") == 0)
                t->checksum += strtoul(value, NULL, 10);
            break;
        case 'c':
            if (strcmp(name, "comm") == 0)
                t->checksum += (unsigned char)value[0];
            break;
        }
    } while (auparse_next_field(au) > 0);

    t->checksum += a[0] + a[1] + a[2] + (uint64_t)exit_value;
    if (success && nr >= 0) {
        if (nr == t->nr_socket)
            t->sockets++;
        else if (nr == t->nr_close)
            t->closes++;
    }
}

static void on_event(auparse_state_t *au, auparse_cb_event_t type, void *user) {
    struct tally *t = user;
    if (type != AUPARSE_CB_EVENT_READY)
        return;
    t->events++;
    if (auparse_first_record(au) <= 0)
        return;
    do {
        if (auparse_get_type(au) == AUDIT_SYSCALL) {
            walk_syscall(au, t);
            return;
        }
    } while (auparse_next_record(au) > 0);
}

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    static char block[BLOCK];
    struct tally t = {0};
    int fd = STDIN_FILENO;

    if (argc != 2) {
        fprintf(stderr, "usage: auparse_loop FILE|-\n");
        return 64;
    }
    if (strcmp(argv[1], "-") != 0 && (fd = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0) {
        fprintf(stderr, "auparse_loop: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    auparse_state_t *au = auparse_init(AUSOURCE_FEED, NULL);
    if (au == NULL) {
        fprintf(stderr, "auparse_loop: auparse_init: %s\n", strerror(errno));
        return 2;
    }
    auparse_add_callback(au, on_event, &t, NULL);

    double start = now();
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fprintf(stderr, "auparse_loop: read: %s\n", strerror(errno));
            return 2;
        }
        if (n == 0)
            break;
        errno = 0; /* before audit 4.1.5 a stale errno ends the feed */
        if (auparse_feed(au, block, (size_t)n) != 0) {
            fprintf(stderr, "auparse_loop: auparse_feed: %s\n", strerror(errno));
            return 2;
        }
    }
    errno = 0;
    auparse_flush_feed(au);
    double seconds = now() - start;
    auparse_destroy(au);

    printf("events %lu sockets %lu closes %lu seconds %.3f events_per_s %.0f\n", t.events,
           t.sockets, t.closes, seconds, seconds > 0 ? (double)t.events / seconds : 0);
    /* Printed nowhere a figure is read from, yet the compiler must assume it may be. */
    return t.checksum == UINT64_MAX ? 3 : 0;
}
