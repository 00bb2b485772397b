// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// chat [PORT]: a chat server. The first line of a client is its name. Each further line goes to all clients.
//   chat 7000          SIGINT and SIGTERM end it. Port 0, the default, is a free one
//   nc 127.0.0.1 7000
// One fiber, the room, has the list of clients, and needs no lock. It sends lines to a channel of each
// client, and never waits there: a client that does not read loses lines, and the others do not notice.
#include <fiber/fiber.hpp>

#include "samples/network.hpp"

#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

using fiber::net::tcp_stream;

namespace {

using lines = fiber::chan<std::string>;

struct room {
    fiber::chan<lines> entering, leaving; // a client is the channel of the lines for it
    lines said;

    void run(std::stop_token stop) const {
        std::vector<std::pair<lines, std::size_t>> clients; // and how many lines each has lost
        auto const enter = [&](std::optional<lines> const& client) { clients.emplace_back(*client, 0); };
        auto const leave = [&](std::optional<lines> const& client) {
            std::erase_if(clients, [&](auto const& c) { return c.first == *client; });
            client->close();
        };
        auto const tell_all = [&](std::optional<std::string> const& line) {
            for (auto& [client, lost] : clients) {
                if (lost != 0 && client.try_send("* " + std::to_string(lost) + " lines are lost\n") ==
                                     fiber::op_status::success)
                    lost = 0;
                if (client.try_send(*line) != fiber::op_status::success)
                    ++lost;
            }
        };
        while (!stop.stop_requested())
            fiber::select(fiber::on_recv(entering, enter), fiber::on_recv(leaving, leave),
                          fiber::on_recv(said, tell_all), fiber::on_stop(stop, [] {}));
    }
};

// Writes lines until the channel is closed. A client that takes nothing for 30 seconds is disconnected.
void write_lines(tcp_stream& client, lines const& from) {
    try {
        for (std::string const& line : from) {
            client.set_write_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(30));
            write_text(client, line);
        }
    } catch (std::system_error const&) {
        client.set_read_deadline(std::chrono::steady_clock::now()); // ends the wait for a line in talk, too
    }
}

void talk(tcp_stream& client, room const& room) {
    std::string input;
    auto const read_line = [&] { return read_until("\n", 1000, client, input); };
    auto const name = read_line();
    if (!name)
        return;
    lines const to_client(64);
    room.entering.send(to_client);
    fiber::handle writer = fiber::go([&] { write_lines(client, to_client); });
    try {
        room.said.send("* " + *name + " has come\n");
        while (auto const line = read_line())
            room.said.send(*name + ": " + *line + '\n');
    } catch (std::system_error const&) {
        // The connection is broken. The client leaves as after its last line.
    }
    room.leaving.send(to_client); // the room closes the channel, which ends the writer
    room.said.send("* " + *name + " has gone\n");
    writer.join();
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 2)
            throw std::invalid_argument("too many arguments");
        stop_signals const signals;
        room const room;
        fiber::jthread const keeper([&](std::stop_token stop) { room.run(stop); });
        serve_clients(argc > 1 ? argv[1] : "0", signals,
                      [&](tcp_stream& client, std::stop_token) { talk(client, room); });
    } catch (std::exception const& e) {
        std::cerr << "chat: " << e.what() << "\nusage: chat [PORT]\n";
        return 2;
    }
}
