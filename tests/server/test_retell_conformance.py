from __future__ import annotations

from tests.fakes.world import World, hold


def test_case_01_config_then_greeting(dsn: str) -> None:
    async def act(world: World) -> None:
        async with world.call() as sim:
            greeting = await sim.greeting()
            assert sim.frames[0]["response_type"] == "config"
            assert "AI interviewer" in greeting.text
            assert sim.violations == []

    hold(dsn, act)
