#pragma once

// What a command ends with beside 0.

/// It refused: nothing is written or lost.
inline constexpr int kBadInput = 2;
/// Numbers stopped being finite.
inline constexpr int kNumericalFailure = 3;
/// It was told to stop.
inline constexpr int kInterrupted = 130;
