"""The embedded OMERO with realistic latencies and a 384-well plate, its pictures drawn beforehand.

Prints one JSON line: port (TLS), a session key, the wells' images, and the least seconds that it needs for all of them:
join, query and store one after the other, then every thumbnail at as many at once as it works on. Ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import sys

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.images.picture import fit
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.samples import sample_collection
from omero_embedded.sample_world import sample_world
from omero_embedded.workload import REALISTIC


async def main() -> None:
    """Serve."""
    world = sample_world(sample_collection())
    omero = EmbeddedOmero(world, latency=REALISTIC)
    images = [world.images[number] for number in world.plates[0].wells.values()]
    for image in images:
        picture = image.picture
        size = fit(picture.size_x, picture.size_y, 96)
        if not image.rendering_defs:
            world.add_settings(image, world.users[image.owner_id], default_settings(picture))
        await omero.omero.renderer.render(picture, image.rendering_defs[0].settings, size, None)
    await omero.start()
    user = world.user_named("colleague")
    assert user is not None
    user = next(one for one in world.users.values() if world.may_read(one, images[0]))
    minimum = REALISTIC.join + REALISTIC.query + REALISTIC.store + len(images) * REALISTIC.thumbnail / REALISTIC.at_once
    said = {
        "port": omero.ssl_port,
        "key": omero.sessions.keep(user).key,
        "images": [image.id for image in images],
        "minimum": minimum / 1000,
    }
    print(json.dumps(said), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await omero.close()


if __name__ == "__main__":
    asyncio.run(main())
