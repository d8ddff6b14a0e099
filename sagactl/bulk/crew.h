// Several requests under way at once: threads that each have a connection of their own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "sagactl/client/client.h"

namespace saga::ctl {

class Crew {
 public:
  using Job = std::function<void(Client&)>;

  /// `size` threads, each with what `client.another()` gives.
  Crew(const Client& client, std::size_t size);
  /// Waits for what is under way.
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Hands `job` to a thread that has nothing to do; waits for one up to `patience`. False: none became free, and `job`
  /// is as it was.
  [[nodiscard]] bool give(Job& job, Millis patience);

  /// True once nothing is under way; waits for it up to `patience`.
  [[nodiscard]] bool idle(Millis patience);

 private:
  void work(const Client& client);

  std::mutex mutex_;  ///< Guards the members up to `threads_`.
  std::condition_variable changed_;
  std::optional<Job> next_;
  std::size_t busy_ = 0;  ///< With a job, or with one waiting for them.
  bool closing_ = false;

  std::vector<std::jthread> threads_;
};

}  // namespace saga::ctl
