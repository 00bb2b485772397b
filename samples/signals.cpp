// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// signals: receives signals from a channel, as with Go's os/signal.Notify. A signal handler must not call the
// library. This program has no handler: all threads block the signals. One OS thread receives the signals in
// sigwait, and sends them to the channel.
//   signals          runs until SIGINT or SIGTERM; SIGHUP reads the settings again
#include <fiber/fiber.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <pthread.h>
#include <thread>

namespace {

using namespace std::chrono_literals;

// Must be made before the first fiber and the first thread: they inherit the blocked signals.
class signals {
public:
    signals(std::initializer_list<int> numbers) {
        ::sigemptyset(&set_);
        for (int const number : numbers)
            ::sigaddset(&set_, number);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::thread([set = set_, to = arrived_] {
            for (int number = 0; ::sigwait(&set, &number) == 0;)
                // try_send: a send could block while the next signal is SIGTERM.
                if (to.try_send(number) == fiber::op_status::full)
                    std::fprintf(stderr, "signals: nobody takes them; signal %d is lost\n", number);
        }).detach(); // runs until the process ends
    }
    [[nodiscard]] fiber::receiver<int> arrived() const { return arrived_; }

private:
    sigset_t set_;
    fiber::chan<int> arrived_{16};
};

} // namespace

int main() {
    signals const signals{SIGINT, SIGTERM, SIGHUP};
    fiber::run([&] {
        fiber::ticker ticker(100ms);
        std::puts("ready");
        std::fflush(stdout);
        for (bool running = true; running;)
            fiber::select(fiber::on_recv(ticker.ticks(), [](auto) { /* what the program is there for */ }),
                          fiber::on_recv(signals.arrived(), [&](std::optional<int> number) {
                              std::puts(number == SIGHUP ? "reading the settings again" : "the end");
                              std::fflush(stdout);
                              running = number == SIGHUP;
                          }));
    });
}
