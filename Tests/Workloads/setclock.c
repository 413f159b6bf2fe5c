// setclock.so: sets the clock on the wall for one program and its children, and for nobody else: the host's is
// not ours to set, and CLOCK_REALTIME has no namespace. To be preloaded (LD_PRELOAD). What the program asks
// for is the time that the file SETCLOCK_FILE says, and so are the stamps of the audit records that it reads,
// as the kernel would write them had its clock been set. Clocks that nobody sets are left alone.
//
// The file holds a number of settings, and of each when it was made (real time) and by how much the clock is
// ahead since, in ms: 64-bit numbers.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SETTINGS 16

struct settings {
    volatile int64_t count;
    struct {
        volatile int64_t at, ahead;
    } all[SETTINGS];
};

static struct settings *settings;
static int (*real_gettime)(clockid_t, struct timespec *);
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void begin(void) {
    real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    const char *path = getenv("SETCLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *settings, PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) settings = memory;
    close(file);
}

// By how much the clock was ahead at a real time (ms).
static int64_t ahead(int64_t at) {
    int64_t found = 0;
    for (int64_t i = 0; settings && i < settings->count && i < SETTINGS; i++)
        if (settings->all[i].at <= at) found = settings->all[i].ahead;
    return found;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int answer = real_gettime(clock, time);
    if (answer != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return answer;
    int64_t now = (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
    int64_t set = now + ahead(now);
    time->tv_sec = set / 1000;
    time->tv_nsec = set % 1000 * 1000000 + time->tv_nsec % 1000000;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

// `audit(SSSSSSSSSS.mmm:serial): ` at the beginning of a record, rewritten in its place.
static void restamp(char *text, size_t length) {
    static const char head[] = "audit(";
    char *end = text + length;
    text = memmem(text, length < 64 ? length : 64, head, sizeof head - 1);
    if (!text || end - (text += sizeof head - 1) < 15 || text[10] != '.') return;
    int64_t stamp = 0;
    for (int i = 0; i < 14; i++)
        if (i != 10) stamp = stamp * 10 + (text[i] - '0');
    stamp += ahead(stamp);
    for (int i = 13; i >= 0; i--) {
        if (i == 10) continue;
        text[i] = (char)('0' + stamp % 10);
        stamp /= 10;
    }
}

// sockaudit reads records by number of the call, not by its name.
long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
    va_end(list);
    long got = real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    struct mmsghdr *messages = (struct mmsghdr *)a[1];
    for (long i = 0; number == SYS_recvmmsg && i < got; i++)
        restamp(messages[i].msg_hdr.msg_iov[0].iov_base, messages[i].msg_len);
    return got;
}
