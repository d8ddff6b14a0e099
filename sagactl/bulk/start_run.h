// Starts what a file says, in batches of up to 1,000 that are each started whole or not at all; what the server refuses
// is taken out of its batch and the rest sent again.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sagactl/bulk/crew.h"
#include "sagactl/bulk/progress.h"
#include "sagactl/bulk/start_lines.h"
#include "sagactl/context.h"

namespace saga::ctl {

class StartRun {
 public:
  /// Writes to `context` what its format shows of each start. `total`: lines there are, where that is known.
  StartRun(Context& context, StartLines& lines, std::optional<std::int64_t> total);

  /// All of them, unless `interrupted`, a line is no start, or the server stays away or refuses more than single ones.
  [[nodiscard]] ExitCode run(const std::function<bool()>& interrupted);

  /// "998 started, 2 already there, 0 refused": adds up to the lines that were read.
  [[nodiscard]] std::string summary() const;
  [[nodiscard]] Json counts() const;

 private:
  struct Batch {
    std::vector<StartLine> lines;
    int number = 0;  ///< Of the try.
    Timestamp not_before;
    std::optional<Timestamp> failing_since;
    bool in_doubt = false;  ///< Some try got no answer: it may have been started.
  };
  struct Ended {
    Batch batch;
    Answered<Reply> reply;
  };

  [[nodiscard]] std::optional<Batch> next_batch();
  [[nodiscard]] Batch read_batch();
  void give(Crew& crew, Batch batch);
  void take_ended();
  void take(Ended ended);
  void take_started(const Batch& batch, const Json& body);
  void take_refused(Batch batch, const Failure& failure);
  void stop(ExitCode code);
  void show(const StartLine& line, const char* what, const std::string& detail);

  Context& context_;
  StartLines& lines_;
  const std::optional<std::int64_t> total_;
  Progress progress_;

  bool at_end_ = false;  ///< Of the file, or nothing more is to be read of it.
  std::vector<Batch> again_;
  std::optional<ExitCode> stopped_;
  std::optional<StartLine> ahead_;  ///< Read, but too large for the batch before.
  std::int64_t read_ = 0;
  std::int64_t started_ = 0;
  std::int64_t there_ = 0;
  std::int64_t refused_ = 0;
  std::int64_t unanswered_ = 0;

  std::mutex mutex_;
  std::vector<Ended> ended_;  ///< Guarded by mutex_.
};

}  // namespace saga::ctl
