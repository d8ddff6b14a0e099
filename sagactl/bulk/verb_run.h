// One operator call on many sagas: several under way at once, none faster than asked for, each counted once.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sagactl/bulk/crew.h"
#include "sagactl/bulk/progress.h"
#include "sagactl/context.h"

namespace saga::ctl {

/// What became of the call on one saga.
enum class Fate {
  kDone,
  kNothingToDo,  ///< Its effect held already.
  kRefused,
  kNotFound,
  kUnreachable,  ///< It cannot have been done: no connection, or 503.
  kUnanswered,   ///< It may have been done.
  kNotTried,     ///< The run was stopped before.
};
inline constexpr std::size_t kFates = 7;

struct VerbRunOptions {
  std::string verb;
  std::string done;  ///< Its past tense: "retried".
  Json body;
  double rate = 0;  ///< A second; 0: as fast as the server takes them.
  std::size_t in_flight = 16;
};

class VerbRun {
 public:
  /// Writes to `context` what its format shows of each saga. `ids` outlive the run.
  VerbRun(Context& context, VerbRunOptions options, const std::vector<std::string>& ids);

  /// All of them, unless `interrupted`, or the server stays away or lets nobody in.
  void run(const std::function<bool()>& interrupted);

  [[nodiscard]] std::size_t count(Fate fate) const { return counts_.at(static_cast<std::size_t>(fate)); }
  /// "231 retried, 6 nothing to do, 3 refused, 0 unreachable": adds up to the number of ids.
  [[nodiscard]] std::string summary() const;
  /// The same as an object.
  [[nodiscard]] Json counts() const;
  /// Why some were not done, alike ones together, one a line.
  [[nodiscard]] std::vector<std::string> reasons() const;
  [[nodiscard]] ExitCode exit_code() const;

 private:
  struct Try {
    std::size_t place = 0;
    int number = 1;
    Timestamp not_before;
  };
  struct Ended {
    Try what;
    Answered<Reply> reply;
  };

  [[nodiscard]] std::optional<Try> next_due(Timestamp now);
  void give(Crew& crew, Try what);
  void take_ended();
  void take(const Ended& ended);
  void settle(std::size_t place, Fate fate, const Failure* failure);
  [[nodiscard]] std::size_t settled() const;
  [[nodiscard]] std::string name_of(Fate fate) const;

  Context& context_;
  const VerbRunOptions options_;
  const std::vector<std::string>& ids_;
  const std::string body_;
  Progress progress_;

  std::size_t fresh_ = 0;   ///< The first that was never tried.
  std::vector<Try> again_;  ///< Those that may do later.
  std::array<std::size_t, kFates> counts_{};
  std::size_t away_ = 0;     ///< Given up on one after the other, with nothing answered between.
  bool locked_out_ = false;  ///< 401 or 403: so would all the others be.
  std::map<std::string, std::vector<std::string>> reasons_;  ///< Ids by why.

  std::mutex mutex_;
  std::vector<Ended> ended_;  ///< Guarded by mutex_.
};

}  // namespace saga::ctl
