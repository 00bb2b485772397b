// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// word_count FILE…: prints the most frequent words. Threads count them, with a bounded buffer. It is an
// ordinary program that was written for threads. CMakeLists.txt converts it to fibers.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

class bounded_buffer {
public:
    void put(std::string line) {
        std::unique_lock<std::mutex> lock(mutex_);
        not_full_.wait(lock, [this] { return lines_.size() < 4; });
        lines_.push_back(std::move(line));
        lock.unlock();
        not_empty_.notify_one();
    }

    bool get(std::string& line) {
        std::unique_lock<std::mutex> lock(mutex_);
        while (lines_.empty() && !closed_)
            not_empty_.wait(lock);
        if (lines_.empty())
            return false;
        line = std::move(lines_.front());
        lines_.pop_front();
        lock.unlock();
        not_full_.notify_one();
        return true;
    }

    void close() {
        std::lock_guard<std::mutex> lock(mutex_);
        closed_ = true;
        not_empty_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable not_full_, not_empty_;
    std::deque<std::string> lines_;
    bool closed_ = false;
};

static bounded_buffer buffer;
static std::mutex counts_mutex;
static std::map<std::string, int> counts;
static std::once_flag first_word;

static void read_file(std::string const& name) {
    std::ifstream file(name);
    for (std::string line; std::getline(file, line);)
        buffer.put(line);
}

static void count_words() {
    std::map<std::string, int> mine;
    for (std::string line, word; buffer.get(line);) {
        for (char c : line + ' ')
            if (std::isalpha(static_cast<unsigned char>(c)))
                word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            else if (!word.empty())
                ++mine[word], word.clear();
        if (!mine.empty())
            std::call_once(first_word, [] { std::puts("counting"); });
        std::this_thread::yield();
    }
    std::scoped_lock lock(counts_mutex);
    for (auto const& [word, n] : mine)
        counts[word] += n;
}

int main(int argc, char** argv) {
    std::vector<std::thread> readers, counters;
    for (int i = 0; i < 4; ++i)
        counters.emplace_back(count_words);
    for (int i = 1; i < argc; ++i)
        readers.push_back(std::thread(read_file, std::string(argv[i])));
    for (std::thread& reader : readers)
        reader.join();
    buffer.close();
    for (std::thread& counter : counters)
        counter.join();

    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    if (never.wait_for(lock, std::chrono::milliseconds(1), [] { return false; }))
        return 1;

    std::vector<std::pair<int, std::string>> ranking;
    for (auto const& [word, n] : counts)
        ranking.emplace_back(-n, word);
    std::sort(ranking.begin(), ranking.end());
    for (std::size_t i = 0; i < ranking.size() && i < 20; ++i)
        std::printf("%6d %s\n", -ranking[i].first, ranking[i].second.c_str());
}
