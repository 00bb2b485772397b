// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// crawler http://HOST[:PORT]/PATH: fetches a page, then the pages of the same server to which it links, and
// so on. A group limits the fibers that fetch to eight at a time. Each page has two seconds to arrive. Prints
// a report, sorted by path. The exit status is 0 if all pages are there, 1 if not, 2 for wrong usage.
#include <fiber/fiber.hpp>

#include "samples/network.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <mutex>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace fs = std::filesystem;

namespace {

struct url {
    std::string host, path;
    std::uint16_t port;
};

url parse_url(std::string const& text) {
    static std::regex const form("http://([^/:]+)(:([0-9]{1,5}))?(/[^?#]*)?");
    std::smatch part;
    if (!std::regex_match(text, part, form))
        throw std::invalid_argument("this is not of the form http://HOST[:PORT]/PATH: " + text);
    int const port = part[3].matched ? std::stoi(part[3]) : 80;
    if (port > 65'535)
        throw std::invalid_argument("there is no port " + part[3].str());
    return {part[1], part[4].matched ? part[4].str() : "/", static_cast<std::uint16_t>(port)};
}

// Returns the paths on the same server to which a page links. Leaves out links that name a server.
std::set<std::string> links_in(std::string const& html, fs::path const& path) {
    std::set<std::string> links;
    for (auto at = html.find("href=\""); at != html.npos; at = html.find("href=\"", at)) {
        at += 6;
        auto const link = html.substr(at, html.find_first_of("\"#?", at) - at);
        if (!link.empty() && link.find(':') == link.npos && !link.starts_with("//"))
            links.insert((path.parent_path() / link).lexically_normal());
    }
    return links;
}

struct page {
    std::string status; // what the server says, or why it says nothing
    std::size_t size = 0;
    std::set<std::string> links{};
};

page fetch(url const& from) {
    try {
        auto const deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        auto server = fiber::net::tcp_stream::connect(from.host, from.port, deadline);
        server.set_deadline(deadline); // for all that follows together
        write_text(server, "GET " + from.path + " HTTP/1.0\r\nHost: " + from.host + "\r\n\r\n");
        std::string body;
        auto const head = read_until("\r\n\r\n", 16 * 1024, server, body);
        if (!head || !head->starts_with("HTTP/1."))
            return {"no answer in HTTP"};
        while (read_some(server, body))
            continue;
        return {head->substr(9, head->find('\r') - 9), body.size(), links_in(body, from.path)};
    } catch (std::system_error const& e) {
        return {e.code().message()};
    }
}

std::map<std::string, page> crawl(url const& start) {
    std::map<std::string, page> pages;
    fiber::mutex mutex; // guards the pages
    for (std::set<std::string> paths{start.path}; !paths.empty();) {
        fiber::group fetches;
        fetches.set_limit(8);
        for (auto const& path : paths)
            fetches.go([&, path] { // go parks while eight fibers fetch
                page fetched = fetch({start.host, path, start.port});
                std::scoped_lock const lock(mutex);
                pages.emplace(path, std::move(fetched));
            });
        fetches.wait();
        paths.clear();
        for (auto const& [path, fetched] : pages)
            for (auto const& link : fetched.links)
                if (!pages.contains(link))
                    paths.insert(link);
    }
    return pages;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2)
            throw std::invalid_argument("one URL is needed");
        bool complete = true;
        for (auto const& [path, fetched] : crawl(parse_url(argv[1]))) {
            std::cout << path << ": " << fetched.status << ", " << fetched.size << " bytes, "
                      << fetched.links.size() << " links\n";
            complete &= fetched.status == "200 OK";
        }
        return complete ? 0 : 1;
    } catch (std::invalid_argument const& e) {
        std::cerr << "crawler: " << e.what() << "\nusage: crawler http://HOST[:PORT]/PATH\n";
        return 2;
    }
}
