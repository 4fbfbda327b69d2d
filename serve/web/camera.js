// Takes a picture with the camera, where there is one and the browser allows it.

/** Whether the browser would let this page ask for a camera: only on https and on this machine. */
export const possible = Boolean(navigator.mediaDevices?.getUserMedia);

/** Show the camera in `booth`; gives a JPEG file, or null where the person leaves. */
export async function takePicture(booth, video, shoot, leave) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 3840 }, height: { ideal: 2160 } },
  });
  video.srcObject = stream;
  booth.showModal();
  const seen = video.play();
  const file = await new Promise((resolve) => {
    shoot.onclick = () => seen.then(() => still(video)).then(resolve);
    leave.onclick = () => resolve(null);
    booth.oncancel = () => resolve(null);
  });
  booth.close();
  video.srcObject = null;
  for (const track of stream.getTracks()) track.stop();
  return file;
}

async function still(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  const at = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
  return new File([blob], `camera-${at}.jpg`, { type: "image/jpeg" });
}
