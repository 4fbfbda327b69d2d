// Draws a street to try the service with: no photo, so nobody's rights and nothing to download.

const [WIDTH, HEIGHT, HORIZON] = [1600, 900, 520];

/** A drawn street as a PNG file, another one each time. */
export async function drawSample(chance = Math.random) {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const brush = canvas.getContext("2d");
  const between = (low, high) => low + chance() * (high - low);
  sky(brush, between);
  for (let x = -40; x < WIDTH; ) x += house(brush, x, between);
  ground(brush);
  for (const x of [190, 1420]) tree(brush, x + between(-60, 60), between);
  for (const lane of [0, 1]) car(brush, lane, between);
  noise(brush, chance);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  return new File([blob], "sample.png", { type: "image/png" });
}

function box(brush, colour, x, y, width, height, round = 0) {
  brush.fillStyle = colour;
  brush.beginPath();
  brush.roundRect(x, y, width, height, round);
  brush.fill();
}

function sky(brush, between) {
  const light = brush.createLinearGradient(0, 0, 0, HORIZON);
  light.addColorStop(0, "#6fa8e6");
  light.addColorStop(1, "#dbe9f6");
  box(brush, light, 0, 0, WIDTH, HEIGHT);
  for (let cloud = 0; cloud < 4; cloud++) {
    const [x, y] = [between(0, WIDTH), between(40, 200)];
    brush.fillStyle = "rgb(255 255 255 / 80%)";
    for (const [shift, size] of [[-60, 30], [-20, 44], [30, 38], [70, 24]]) {
      brush.beginPath();
      brush.ellipse(x + shift, y, size * 1.5, size * 0.8, 0, 0, 7);
      brush.fill();
    }
  }
}

function house(brush, x, between) {
  const [width, top] = [between(150, 290), between(170, 330)];
  const wall = `hsl(${between(12, 45)} ${between(12, 34)}% ${between(48, 68)}%)`;
  box(brush, wall, x, top, width, HORIZON - top + 20);
  box(brush, "rgb(60 40 40 / 60%)", x, top, width, 12);
  for (let y = top + 40; y < HORIZON - 50; y += 62) {
    for (let left = x + 22; left < x + width - 40; left += 52) box(brush, "#44566b", left, y, 26, 36, 2);
  }
  return width;
}

function ground(brush) {
  box(brush, "#9b978f", 0, HORIZON, WIDTH, HEIGHT);
  brush.fillStyle = "#56585d";
  brush.beginPath();
  const road = [[520, HORIZON], [1080, HORIZON], [WIDTH + 120, HEIGHT], [-120, HEIGHT]];
  for (const [x, y] of road) brush.lineTo(x, y);
  brush.fill();
  brush.fillStyle = "#e9e6da";
  for (let near = 0; near < 5; near++) {
    const [from, to] = [near, near + 0.45].map(
      (depth) => HORIZON + 8 + (HEIGHT - HORIZON) * (depth / 5) ** 1.7,
    );
    const [thin, thick] = [from, to].map((y) => 3 + ((y - HORIZON) / 380) * 14);
    brush.beginPath();
    for (const [dx, y] of [[-thin, from], [thin, from], [thick, to], [-thick, to]]) brush.lineTo(800 + dx, y);
    brush.fill();
  }
}

function tree(brush, x, between) {
  box(brush, "#6a4c34", x - 11, HORIZON - 130, 22, 190);
  for (let leaf = 0; leaf < 26; leaf++) {
    brush.fillStyle = `hsl(${between(95, 125)} 42% ${between(26, 40)}%)`;
    brush.beginPath();
    brush.arc(x + between(-80, 80), HORIZON - 180 + between(-80, 70), between(28, 52), 0, 7);
    brush.fill();
  }
}

function car(brush, lane, between) {
  const [x, y, size] = lane ? [between(980, 1120), 640, 1] : [between(420, 560), 560, 0.6];
  const paint = `hsl(${between(0, 360)} 62% 42%)`;
  box(brush, "rgb(0 0 0 / 35%)", x - 130 * size, y + 66 * size, 260 * size, 22 * size, 11 * size);
  box(brush, paint, x - 130 * size, y, 260 * size, 70 * size, 18 * size);
  box(brush, paint, x - 82 * size, y - 56 * size, 164 * size, 80 * size, 26 * size);
  box(brush, "#27303a", x - 66 * size, y - 42 * size, 132 * size, 40 * size, 14 * size);
  for (const wheel of [-78, 78]) {
    brush.fillStyle = "#17181a";
    brush.beginPath();
    brush.arc(x + wheel * size, y + 68 * size, 28 * size, 0, 7);
    brush.fill();
  }
}

// A little grain, as every camera leaves it.
function noise(brush, chance) {
  const image = brush.getImageData(0, 0, WIDTH, HEIGHT);
  for (let i = 0; i < image.data.length; i += 4) {
    const grain = (chance() - 0.5) * 16;
    for (let part = 0; part < 3; part++) image.data[i + part] += grain;
  }
  brush.putImageData(image, 0, 0);
}
