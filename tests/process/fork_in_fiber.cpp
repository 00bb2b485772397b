// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork_in_fiber: the child's only thread runs the fiber that forked. When the fiber's function
// returns, the child exits with status 0 through exit(). Destructors run, including destructors of
// thread-locals.

// env: ASAN_OPTIONS=detect_leaks=0
// stdout: child: end of the closure
// stdout: child: fiber-local
// stdout: child: at exit
// stdout: child of a fiber: 0
// stdout: child: in a fiber of its own
// stdout: child: end of the closure
// stdout: child: fiber-local
// stdout: child: at exit
// stdout: child of a fiber, which has started others: 0
// stdout: child: at exit
// stdout: child that exits with 5: 5
// stdout: parent: at exit

#include <fiber/fiber.hpp>

#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace {

pid_t const parent = ::getpid();

void say(char const* what) {
    std::printf("%s: %s\n", ::getpid() == parent ? "parent" : "child", what);
    std::fflush(stdout); // A child would print buffered text again.
}

struct says_in_child {
    char const* what;
    ~says_in_child() {
        if (::getpid() != parent)
            say(what);
    }
};

struct local_value {
    says_in_child end{"fiber-local"};
    int used = 0;
};

template <class Body>
void fork_in_fiber(char const* what, Body in_child) {
    pid_t child = 0;
    fiber::go([&] {
        static fiber::local<local_value> local;
        says_in_child const at_end{"end of the closure"};
        local.get().used = 1;
        child = ::fork();
        if (child == 0)
            in_child();
    }).join();
    int status = 0;
    ::waitpid(child, &status, 0);
    std::printf("%s: %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    std::fflush(stdout);
}

} // namespace

int main() {
    std::atexit([] { say("at exit"); });
    fork_in_fiber("child of a fiber", [] {});
    fork_in_fiber("child of a fiber, which has started others", [] {
        fiber::go([] { say("in a fiber of its own"); }).join();
        fiber::go([] { fiber::this_fiber::sleep_for(std::chrono::hours(1)); }); // dropped at exit
    });
    fork_in_fiber("child that exits with 5", [] { fiber::run([] { std::exit(5); }); });
}
