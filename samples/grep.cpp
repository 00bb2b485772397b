// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// grep WORD DIR: prints each line that contains WORD, in all files below DIR. Each file has a fiber,
// which sends its lines to a channel. The exit status is that of grep: 0 found, 1 not found, 2 an error.
#include <fiber/fiber.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace fs = std::filesystem;

namespace {

// Closes the file before the fiber can park: 100,000 parked fibers must not hold 100,000 open files.
std::string matching_lines(fs::path const& path, std::string_view word) {
    std::ifstream file(path);
    std::string line, matches;
    for (int number = 1; std::getline(file, line); ++number)
        if (line.find(word) != line.npos)
            matches += path.string() + ':' + std::to_string(number) + ':' + line + '\n';
    if (!file.is_open() || file.bad())
        throw std::system_error(errno, std::generic_category());
    return matches;
}

struct search {
    struct result {
        std::string text;
        bool is_error;
    };
    std::string_view word;
    fiber::chan<result> results;
    fiber::wait_group running;

    void visit(fs::path const& path) {
        running.go([this, path] {
            try {
                if (!fs::is_directory(path))
                    return results.send({matching_lines(path, word), false});
                for (auto const& entry : fs::directory_iterator(path))
                    if (!entry.is_symlink() && (entry.is_directory() || entry.is_regular_file()))
                        visit(entry.path());
            } catch (std::system_error const& e) {
                results.send({"grep: " + path.string() + ": " + e.code().message() + '\n', true});
            }
        });
    }
};

} // namespace

int main(int argc, char** argv) {
    if (argc != 3 || *argv[1] == '\0') {
        std::fputs("usage: grep WORD DIR    prints the lines with WORD in the files below DIR\n", stderr);
        return 2;
    }
    search s{argv[1], fiber::chan<search::result>(64), {}};
    s.visit(argv[2]);
    fiber::go([&s] { s.running.wait(), s.results.close(); });

    bool found = false, failed = false;
    for (auto const& [text, is_error] : s.results) {
        std::fputs(text.c_str(), is_error ? stderr : stdout);
        (is_error ? failed : found) |= !text.empty();
    }
    return failed ? 2 : found ? 0 : 1;
}
