// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// faults_passed_on: a fault that is no stack overflow goes to the handler installed before the first
// runtime, under that handler's flags. An overflow goes to that handler too, after the report. Each
// scene runs in a separate child process.

// stdout: ok: a fault in a fiber, SA_SIGINFO
// stdout: ok: a fault in an OS thread, without SA_SIGINFO
// stdout: ok: the mask, as sa_mask asks
// stdout: ok: SA_NODEFER
// stdout: ok: SA_RESETHAND: the second one kills
// stdout: ok: SIG_DFL kills
// stdout: ok: SIG_DFL kills by kill\(\), too
// stdout: ok: SIG_IGN, and a fault
// stdout: ok: SIG_IGN, and kill\(\)
// stdout: ok: a handler that jumps out, again and again
// stdout: ok: an overflow, reported first
// stderr: fiber: fiber [0-9]+: stack overflow .*
// stderr: ...

#include <fiber/fiber.hpp>

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using info_handler = void (*)(int, siginfo_t*, void*);

constexpr int well = 42; // exit status of a child that behaved as expected

void install(void (*handler)(int), int flags = 0, int also_blocked = 0) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    if (also_blocked != 0)
        sigaddset(&action.sa_mask, also_blocked);
    ::sigaction(SIGSEGV, &action, nullptr);
}
void install(info_handler handler, int flags) {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, nullptr);
}

int* volatile nowhere = reinterpret_cast<int*>(0x10);
void fault() { *nowhere = 1; }

void in_fiber(void (*f)()) { fiber::go(f).join(); }

bool blocked(int signal) {
    sigset_t now;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
    return sigismember(&now, signal) == 1;
}

[[gnu::noinline]] int overflow(int n) {
    int volatile frame[64] = {n};
    return frame[0] < 0 ? 0 : overflow(n + 1) + frame[1];
}

sigjmp_buf again;

struct scene {
    char const* name;
    int ends; // the expected exit status, or minus the signal
    void (*play)();
};

constexpr scene scenes[] = {
    {"a fault in a fiber, SA_SIGINFO", well,
     [] {
         install(
             [](int signal, siginfo_t* info, void* context) {
                 bool const right = signal == SIGSEGV && info->si_addr == nowhere && context != nullptr;
                 ::_exit(right && blocked(SIGSEGV) ? well : 1);
             },
             0);
         in_fiber(fault);
     }},
    {"a fault in an OS thread, without SA_SIGINFO", well,
     [] {
         install([](int signal) { ::_exit(signal == SIGSEGV ? well : 1); });
         fiber::run([] {});
         std::thread(fault).join();
     }},
    {"the mask, as sa_mask asks", well,
     [] {
         install([](int) { ::_exit(blocked(SIGUSR1) && blocked(SIGSEGV) && !blocked(SIGUSR2) ? well : 1); },
                 0, SIGUSR1);
         in_fiber(fault);
     }},
    {"SA_NODEFER", well,
     [] {
         install([](int) { ::_exit(blocked(SIGSEGV) ? 1 : well); }, SA_NODEFER);
         in_fiber(fault);
     }},
    {"SA_RESETHAND: the second one kills", -SIGSEGV,
     [] {
         install([](int) {}, static_cast<int>(SA_RESETHAND)); // returns, and the fault occurs again
         in_fiber(fault);
     }},
    {"SIG_DFL kills", -SIGSEGV, [] { in_fiber(fault); }},
    {"SIG_DFL kills by kill(), too", -SIGSEGV,
     [] {
         fiber::run([] {});
         ::kill(::getpid(), SIGSEGV);
         ::pause();
     }},
    {"SIG_IGN, and a fault", -SIGSEGV,
     [] {
         install(SIG_IGN);
         in_fiber(fault);
     }},
    {"SIG_IGN, and kill()", well,
     [] {
         install(SIG_IGN);
         fiber::run([] {});
         ::raise(SIGSEGV);
         ::_exit(well);
     }},
    {"a handler that jumps out, again and again", well,
     [] {
         install([](int) { ::siglongjmp(again, 1); });
         in_fiber([] {
             int volatile times = 0;
             if (sigsetjmp(again, 1) != 0)
                 times = times + 1;
             if (times < 100)
                 fault();
         });
         ::_exit(well);
     }},
    {"an overflow, reported first", well,
     [] {
         install([](int) { ::_exit(well); });
         in_fiber([] { overflow(0); });
     }},
};

int end_of(scene const& s) {
    pid_t const child = ::fork();
    if (child == 0) {
        s.play();
        ::_exit(2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

} // namespace

int main() {
    for (scene const& s : scenes) {
        int const end = end_of(s);
        std::printf("%s: %s\n", end == s.ends ? "ok" : "not ok", s.name);
        if (end != s.ends)
            std::printf("expected %d, got %d\n", s.ends, end);
        std::fflush(stdout);
    }
}
