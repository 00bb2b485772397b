// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fastest: asks three servers the same question, takes the first answer, and cancels the other two.
#include <fiber/fiber.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

using namespace std::chrono_literals;

namespace {

struct answer {
    int server;
    std::string text;
};

// Answers the question. Each wait also ends when the context is cancelled.
void serve(int server, std::chrono::milliseconds takes, fiber::context ctx, fiber::sender<answer> to,
           fiber::sender<int> gave_up) {
    fiber::select(fiber::on_recv(fiber::after(takes),
                                 [&](auto) {
                                     to.try_send({server, "forty-two"}); // dropped if another was first
                                 }),
                  fiber::on_recv(ctx.done(), [&](auto) { gave_up.send(server); }));
}

} // namespace

int main() {
    auto const ctx = fiber::context::with_timeout(fiber::context::background(), 10s);
    fiber::chan<answer> const answers(1);
    fiber::chan<int> const gave_up(3);
    fiber::wait_group servers;
    for (int server = 1; server <= 3; ++server)
        servers.go(serve, server, server == 2 ? 1ms : 3'600'000ms, ctx, answers, gave_up);

    fiber::select(fiber::on_recv(answers,
                                 [](std::optional<answer> a) {
                                     std::printf("server %d says %s\n", a->server, a->text.c_str());
                                 }),
                  fiber::on_recv(ctx.done(), [&](auto) { std::puts("nobody knows"); }));
    ctx.cancel();
    servers.wait();
    std::printf("%zu others gave up\n", gave_up.size());
}
