// stories NAME [ARGUMENT]: one process (and its children) for one fixture; ../record.py runs it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "book.h"
#include "threads.h"

#define OTHER_PROGRAM "/var/tmp/sockaudit-fixture/cgi"
#define SERVER_PROGRAM "/var/tmp/sockaudit-fixture/server"

static void reap(pid_t child) { check(waitpid(child, NULL, 0) == child, "waitpid"); }

// Bursts of more records than a short backlog takes, with time to recover in between.
static void lost(void) {
    for (int round = 0; round < 5; round++) {
        int tcp = open_socket(AF_INET, SOCK_STREAM, 0), udp = open_socket(AF_INET6, SOCK_DGRAM, 0);
        open_socket(AF_UNIX, SOCK_DGRAM, 0);
        close_fd(tcp);
        close_fd(udp);
        usleep(20000);
    }
    leave();
}

// A parent, and three children that get one pid, one after the other, some milliseconds apart.
static void pid_reuse(const char *apart) {
    int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC), ready[2];
    check(last >= 0 && !pipe(ready), "ns_last_pid");
    open_socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t first = 0;
    for (int life = 1; life <= 3; life++) {
        char wish[16];
        int length = snprintf(wish, sizeof wish, "%d", (int)first - 1);
        check(!first || pwrite(last, wish, (size_t)length, 0) == length, "ns_last_pid");
        pid_t child = (pid_t)syscall(SYS_fork);
        check(child >= 0, "fork");
        if (!child) {
            inherit();
            int tcp = open_socket(AF_INET, SOCK_STREAM, 0);
            open_socket(AF_INET6, life == 2 ? SOCK_DGRAM : SOCK_STREAM, 0);
            if (life != 2) close_fd(tcp);
            if (life == 2) leave();
            if (life == 1) tell_killed();
            else tell("running");
            check(write(ready[1], "", 1) == 1, "write");
            hold();
            _exit(0);
        }
        // Somebody else got it in between: the recorder tries again.
        if (first && child != first) {
            kill(child, SIGKILL);
            _exit(75);
        }
        first = child;
        char byte;
        check(life == 2 || read(ready[0], &byte, 1) == 1, "read");
        if (life == 1) kill(child, SIGKILL);
        if (life < 3) reap(child);
        usleep(1000 * (useconds_t)atoi(apart));
    }
    tell("running");
    hold();
    reap(first);
}

static void fork_kinds(void) {
    int tcp = open_socket(AF_INET, SOCK_STREAM, 0);
    open_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    open_socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t child = (pid_t)syscall(SYS_fork);
    if (!child) {
        inherit();
        close_fd(tcp); // its own copy only
        open_socket(AF_INET, SOCK_STREAM, 0);
        leave();
    }
    check(child > 0, "fork");
    reap(child);
    // The child runs on the parent's memory until it executes: its book must not stay.
    static struct book kept;
    kept = book;
    child = vfork();
    if (!child) {
        inherit();
        open_socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        execute(OTHER_PROGRAM, "fork-cgi");
    }
    check(child > 0, "vfork");
    book = kept;
    reap(child);
    struct clone_args how = {.exit_signal = SIGCHLD};
    child = (pid_t)syscall(SYS_clone3, &how, sizeof how);
    if (!child) {
        inherit();
        close_fds(3, 5, 0);
        open_socket(AF_INET, SOCK_DGRAM, 0);
        tell("running");
        hold();
        _exit(0);
    }
    check(child > 0, "clone3");
    pid_t held = child;
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (!child) {
        inherit();
        leave();
    }
    check(child > 0, "clone");
    reap(child);
    close_fd(tcp);
    tell("running");
    hold();
    reap(held);
}

static void fork_cgi(void) {
    close_fd(3); // inherited
    int tcp = open_socket(AF_INET, SOCK_STREAM, 0);
    open_socket(AF_UNIX, SOCK_DGRAM, 0);
    close_fd(tcp);
    leave();
}

static void exec_first(void) {
    open_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // 3: goes
    open_socket(AF_INET, SOCK_STREAM, 0);                // 4: stays
    int marked = open_socket(AF_INET6, SOCK_DGRAM, 0);   // 5: goes
    int ioctled = open_socket(AF_UNIX, SOCK_STREAM, 0);  // 6: goes
    int cleared = open_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);   // 7: stays
    int uncleared = open_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); // 8: stays
    mark_fcntl(marked, true);
    mark_ioctl(ioctled, true);
    mark_fcntl(cleared, false);
    mark_ioctl(uncleared, false);
    execute(SERVER_PROGRAM, "exec-second");
}

static void exec_second(void) {
    open_socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0); // 3 again
    close_fd(4);                                          // of the program before
    open_socket(AF_INET, SOCK_STREAM, 0);                 // 4 again
    execute(OTHER_PROGRAM, "exec-third");
}

static void exec_third(void) {
    int again = open_socket(AF_INET, SOCK_DGRAM, 0); // 3, the third time
    close_fd(again);
    close_fd(8);
    tell("running");
    hold();
}

static void dup_over(void) {
    int a = open_socket(AF_INET, SOCK_STREAM, 0), b = open_socket(AF_INET, SOCK_DGRAM, 0);
    int c = open_socket(AF_UNIX, SOCK_STREAM, 0), d = open_socket(AF_INET6, SOCK_STREAM, 0);
    copy_over(a, a);         // nothing
    copy_over(a, b);         // b is released; its number is a copy of a
    copy_over_cloexec(0, c); // c is released; its number is no socket
    close_fd(b);             // the copy goes
    close_fd(c);             // no socket goes
    copy_over(d, 20);        // a copy where nothing was
    copy_over(a, 20);        // a copy over a copy
    int e = copy_fd(d, true);
    copy_over_cloexec(e, d); // d is released by its own copy
    close_fd(a);             // 20 holds the same socket on
    int f = open_socket(AF_INET, SOCK_DGRAM, 0), g = open_socket(AF_INET6, SOCK_DGRAM, 0);
    open_socket(AF_UNIX, SOCK_DGRAM, 0);
    close_fds((unsigned)f, (unsigned)g, 0);
    int h = open_socket(AF_INET, SOCK_STREAM, 0), i = open_socket(AF_INET, SOCK_STREAM, 0);
    close_fds((unsigned)h, (unsigned)i, CLOSE_RANGE_CLOEXEC);
    close_fds(40, ~0U, 0);   // nothing
    mark_fcntl(h, false);
    execute(OTHER_PROGRAM, "dup-over-second");
}

static void dup_over_second(void) { // all but what was marked
    open_socket(AF_INET, SOCK_STREAM, 0);
    tell("running");
    hold();
}

static void i386(void) {
    entry = I386_SOCKETCALL;
    int tcp = open_socket(AF_INET, SOCK_STREAM, 0), udp = open_socket(AF_INET6, SOCK_DGRAM, 0), pair[2];
    open_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    open_pair(pair, false);
    int listener = open_listener(SOCK_STREAM), client = connect_to(listener, SOCK_STREAM);
    int first = accept_one(listener, false);
    open_socket(AF_INET, 15, 0); // refused
    entry = I386;
    open_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
    close_fd(tcp);
    close_fd(pair[1]);
    copy_over(first, udp); // udp is released
    close_fd(99);          // EBADF
    connect_to(listener, SOCK_STREAM);
    accept_one(listener, true);
    entry = X86_64; // the same process by its other table of calls
    close_fd(client);
    open_socket(AF_INET, SOCK_DGRAM, 0);
    entry = I386;
    leave();
}

// A server with one client, in one process.
static void serve(const char *wanted) {
    int leaks = wanted ? atoi(wanted) : 1;
    int listener = open_listener(SOCK_STREAM), client = connect_to(listener, SOCK_STREAM);
    int accepted = accept_one(listener, true);
    close_fd(client);
    close_fd(accepted);
    for (int i = 0; i < leaks; i++) open_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    open_socket(AF_INET, 15, 0); // refused
    tell("running");
    hold();
}

static void named(const char *name) {
    name_thread(name);
    int tcp = open_socket(AF_INET, SOCK_STREAM, 0);
    open_socket(AF_UNIX, SOCK_STREAM, 0);
    close_fd(tcp);
    tell("running");
    hold();
}

int main(int count, char **arguments) {
    const char *story = count > 1 ? arguments[1] : "", *argument = count > 2 ? arguments[2] : NULL;
    resume();
    if (!strcmp(story, "lost")) lost();
    else if (!strcmp(story, "pid_reuse")) pid_reuse(argument ? argument : "0");
    else if (!strcmp(story, "fork")) fork_kinds();
    else if (!strcmp(story, "fork-cgi")) fork_cgi();
    else if (!strcmp(story, "exec_cloexec")) exec_first();
    else if (!strcmp(story, "exec-second")) exec_second();
    else if (!strcmp(story, "exec-third")) exec_third();
    else if (!strcmp(story, "dup_over")) dup_over();
    else if (!strcmp(story, "dup-over-second")) dup_over_second();
    else if (!strcmp(story, "i386_socketcall")) i386();
    else if (!strcmp(story, "serve")) serve(argument);
    else if (!strcmp(story, "named")) named(argument);
    else if (!strcmp(story, "out_of_order")) out_of_order(argument);
    else if (!strcmp(story, "threads")) threads();
    else if (!strcmp(story, "late_close")) late_close();
    else {
        fprintf(stderr, "story: there is no %s\n", story);
        return 64;
    }
    return 0;
}
