// The life of one process. It can end at every point at which something of it becomes visible: before and after a
// commit, a call, an answer, and between two turns. What it does after that no longer has any effect.
#pragma once

namespace saga::sim {

class Life {
 public:
  /// `fuse`: at how many such points from now on it ends; 0: never by itself.
  Life(int process, int fuse) : process_(process), fuse_(fuse) {}

  [[nodiscard]] int process() const { return process_; }
  [[nodiscard]] bool alive() const { return alive_; }
  void end() { alive_ = false; }
  void set_fuse(int fuse) { fuse_ = fuse; }

  /// One such point. False: it was dead, or it died here.
  bool pass() {
    if (alive_ && fuse_ > 0 && --fuse_ == 0) alive_ = false;
    return alive_;
  }

 private:
  int process_;
  int fuse_;
  bool alive_ = true;
};

}  // namespace saga::sim
